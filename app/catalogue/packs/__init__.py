"""City packs: a folder is read (``pack``), checked and loaded part by part (``load``).

``areas`` and ``lists`` are the parts that lie at or below the catalogue; what lies above brings its own.
"""

from app.catalogue.packs.areas import AreaPart
from app.catalogue.packs.faults import Fault, Severity, has_errors, warning
from app.catalogue.packs.features import Feature
from app.catalogue.packs.left_behind import LeftBehind, Succession
from app.catalogue.packs.lists import ListPart
from app.catalogue.packs.load import Loaded, PackPart, check_pack, current_version, load_pack, lock_versions
from app.catalogue.packs.pack import Pack, read_pack

__all__ = [
    "AreaPart",
    "Fault",
    "Feature",
    "LeftBehind",
    "ListPart",
    "Loaded",
    "Pack",
    "PackPart",
    "Severity",
    "Succession",
    "check_pack",
    "current_version",
    "has_errors",
    "load_pack",
    "lock_versions",
    "read_pack",
    "warning",
]

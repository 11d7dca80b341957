"""The smallest pack, as docs/city-packs.md prints it, and ways to break it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from app.assets.packs import AssetPart
from app.catalogue.packs import AreaPart, ListPart, PackPart, check_pack

PAGE = Path(__file__).parents[2] / "docs" / "city-packs.md"
PARTS: Sequence[PackPart] = (AreaPart(), ListPart(), AssetPart())

_FILE = re.compile(r"^`town/([^`]+)`:\n\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)


def town_files() -> dict[str, str]:
    return dict(_FILE.findall(PAGE.read_text(encoding="utf-8")))


def write_town(folder: Path, **changed: tuple[str, str]) -> Path:
    """Write the town; ``units=("old", "new")`` replaces text in the file that starts with ``units``."""
    folder.mkdir(exist_ok=True)
    for name, content in town_files().items():
        old, new = next(
            (change for start, change in changed.items() if name.startswith(start.replace("__", "."))), ("", "")
        )
        assert old in content, f"{old!r} is not in {name}"
        (folder / name).write_text(content.replace(old, new, 1) if old else content, encoding="utf-8")
    return folder


def faults_of(folder: Path) -> list[str]:
    return [str(fault) for fault in check_pack(folder, PARTS)[1]]

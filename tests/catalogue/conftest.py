from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from app.catalogue.packs import load_pack, read_pack
from tests.catalogue.town import PARTS, write_town
from tests.make import NOW


@pytest.fixture
def town(session: Session, tmp_path: Path) -> Session:
    """Give a session over the town of the documentation."""
    load_pack(session, read_pack(write_town(tmp_path / "town")), PARTS, now=NOW)
    return session

"""Fixtures of the photo tests: a store in a folder of the test, and decoders that all tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.media import links, service
from app.media.probe import Prober
from app.media.service import Media
from app.media.store import FolderStore
from tests.databases import SECRET
from tests.media.buckets import S3Server, serving


@pytest.fixture(scope="session")
def prober() -> Iterator[Prober]:
    """Give decoders that stay warm for the whole run."""
    prober = Prober(2)
    yield prober
    prober.close()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Give a server that speaks S3; it ends with the run."""
    with serving(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def media(prober: Prober, tmp_path: Path) -> Media:
    """Give a Media over an empty folder."""
    return Media(
        store=FolderStore(tmp_path / "media"),
        prober=prober,
        key=links.derive_key(SECRET),
        public_url="https://reports.example.org",
    )


@pytest.fixture
def configured(media: Media) -> Iterator[Media]:
    """Make ``media`` the one of this process, as routes and jobs find it; afterwards it is as before."""
    before = list(service._configured)
    service.configure(media)
    yield media
    service._configured[:] = before


@pytest.fixture(scope="session")
def photos(shared: Path) -> Path:
    """Give the folder of the 25 test photos."""
    return shared / "data" / "photos"

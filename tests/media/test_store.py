from __future__ import annotations

import datetime as dt
import fcntl
import os
import resource
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.errors import SettingsFault
from app.media.errors import StoreUnavailable
from app.media.store import FolderStore, NoSuchObject, ObjectStore, digest_of, original_key, rendition_key

DIGEST = "abcd" + "0" * 60
KEY = original_key(DIGEST)
DAY = dt.timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return FolderStore(tmp_path / "deep" / "media")


def files(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in tmp_path.rglob("*") if path.is_file())


def age(tmp_path: Path, *, days: float) -> None:
    for path in tmp_path.rglob("*"):
        if path.is_file():
            moment = path.stat().st_mtime - days * 86400
            os.utime(path, (moment, moment))


@contextmanager
def full_disk(most: int) -> Iterator[None]:
    """Let no file of this process grow beyond ``most`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_keys_spread_over_two_levels_of_folders() -> None:
    assert original_key(DIGEST) == f"originals/ab/cd/{DIGEST}"
    assert rendition_key(DIGEST, 1600) == f"renditions/ab/cd/{DIGEST}/1600.jpg"
    assert digest_of(KEY) == digest_of(rendition_key(DIGEST, 320)) == DIGEST


def test_what_is_put_is_there(store: ObjectStore, tmp_path: Path) -> None:
    store.put(KEY, b"bytes")

    assert store.exists(KEY)
    assert store.get(KEY) == b"bytes"
    with store.open(KEY) as stream:
        assert stream.read(2) == b"by"
    assert files(tmp_path) == [DIGEST]


def test_a_second_put_replaces_the_first_and_renews_its_time(store: ObjectStore, tmp_path: Path) -> None:
    store.put(KEY, b"damaged")
    age(tmp_path, days=3)

    store.put(KEY, b"bytes")

    (stored,) = store.keys("originals")
    assert store.get(KEY) == b"bytes"
    assert dt.datetime.now(dt.UTC) - stored.put_at < DAY


def test_what_is_not_there_is_told(store: ObjectStore) -> None:
    assert not store.exists(KEY)
    assert not store.delete(KEY)
    with pytest.raises(NoSuchObject):
        store.get(KEY)
    with pytest.raises(NoSuchObject):
        store.open(KEY)


def test_what_is_deleted_is_gone(store: ObjectStore) -> None:
    store.put(KEY, b"bytes")

    assert store.delete(KEY)

    assert not store.exists(KEY)


def test_what_was_put_since_is_not_deleted(store: ObjectStore, tmp_path: Path) -> None:
    before = dt.datetime.now(dt.UTC) - DAY
    store.put(KEY, b"bytes")

    assert not store.delete(KEY, unless_put_since=before)
    age(tmp_path, days=2)
    assert store.delete(KEY, unless_put_since=before)


@contextmanager
def at_work(folder: Path) -> Iterator[None]:
    """Hold the lock that a put or a deletion holds while it is at work in a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    yield
    os.close(descriptor)


def test_a_deletion_waits_for_a_put_of_the_same_and_then_spares_it(store: ObjectStore, tmp_path: Path) -> None:
    before = dt.datetime.now(dt.UTC) - DAY
    store.put(KEY, b"bytes")
    age(tmp_path, days=2)

    with ThreadPoolExecutor(1) as threads:
        with at_work(tmp_path / "deep" / "media" / "originals" / "ab" / "cd"):
            deletion = threads.submit(store.delete, KEY, unless_put_since=before)
            time.sleep(0.2)
            assert not deletion.done()
            age(tmp_path, days=-2)

        assert deletion.result() is False
    assert store.exists(KEY)


def test_a_put_waits_for_a_deletion_of_the_same_and_then_stores_anew(store: ObjectStore, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "media" / "originals" / "ab" / "cd"
    store.put(KEY, b"bytes")

    with ThreadPoolExecutor(1) as threads:
        with at_work(folder):
            put = threads.submit(store.put, KEY, b"bytes")
            time.sleep(0.2)
            assert not put.done()
            (folder / DIGEST).unlink()

        put.result()
    assert store.exists(KEY)


def test_the_walk_gives_keys_below_a_prefix_and_remains_of_interrupted_puts(store: ObjectStore, tmp_path: Path) -> None:
    store.put(KEY, b"bytes")
    store.put(rendition_key(DIGEST, 320), b"small")
    folder = tmp_path / "deep" / "media" / "originals" / "ab" / "cd"
    (folder / "x.part").touch()

    assert {stored.key for stored in store.keys("originals")} == {KEY, "originals/ab/cd/x.part"}
    assert {stored.key for stored in store.keys("renditions")} == {rendition_key(DIGEST, 320)}
    assert list(store.keys("masks")) == []


def test_a_full_disk_is_told_and_leaves_nothing(store: ObjectStore, tmp_path: Path) -> None:
    with full_disk(1000), pytest.raises(StoreUnavailable, match="Nothing was stored"):
        store.put(KEY, bytes(5000))

    assert files(tmp_path) == []


def test_a_full_disk_leaves_what_was_there(store: ObjectStore, tmp_path: Path) -> None:
    store.put(KEY, b"bytes")

    with full_disk(1000), pytest.raises(StoreUnavailable):
        store.put(KEY, bytes(5000))

    assert store.get(KEY) == b"bytes"
    assert files(tmp_path) == [DIGEST]


def test_a_folder_that_goes_away_while_running_is_told(store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "deep" / "media").rmdir()
    (tmp_path / "deep" / "media").touch()

    with pytest.raises(StoreUnavailable):
        store.put(KEY, b"bytes")


def test_a_folder_that_cannot_be_made_is_one_clear_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SettingsFault, match=r"MEDIA_ROOT: .*/file/media cannot be written"):
        FolderStore(tmp_path / "file" / "media")


@pytest.mark.parametrize("key", ["../x", "originals/../../x", "/etc/passwd"])
def test_a_key_that_leaves_the_folder_is_no_key(store: ObjectStore, key: str) -> None:
    with pytest.raises(ValueError, match="is no key"):
        store.get(key)

from __future__ import annotations

import datetime as dt
import fcntl
import io
import os
import resource
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from app.errors import SettingsFault
from app.media.errors import StoreUnavailable
from app.media.formats import Format
from app.media.s3 import S3Store
from app.media.store import FolderStore, NoSuchObject, ObjectStore, original_key, rendition_key
from tests.media.buckets import S3Server, let_server_forget, serving
from tests.waiting import wait_until

DIGEST = "abcd" + "0" * 60
KEY = original_key(DIGEST)
DAY = dt.timedelta(days=1)


@pytest.fixture
def folder(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "deep" / "media")


@pytest.fixture
def bucket(s3_server: S3Server) -> Path:
    """Give the folder that is a new bucket."""
    bucket = s3_server.root / f"b{uuid4().hex}"
    bucket.mkdir()
    return bucket


@pytest.fixture
def s3(s3_server: S3Server, bucket: Path) -> Iterator[S3Store]:
    with closing(s3_server.open(bucket.name)) as store:
        yield store


@pytest.fixture(params=["folder", "s3"])
def kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def store(kind: str, request: pytest.FixtureRequest) -> ObjectStore:
    """Give a store of each kind; what a test asks of it is what every store promises."""
    store: ObjectStore = request.getfixturevalue(kind)
    return store


@pytest.fixture
def root(kind: str, store: ObjectStore, request: pytest.FixtureRequest) -> Path:
    """Give the folder in which the objects of ``store`` lie as files."""
    place: Path = request.getfixturevalue("tmp_path" if kind == "folder" else "bucket")
    return place


def files(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in tmp_path.rglob("*") if path.is_file())


def age(tmp_path: Path, *, days: float) -> None:
    for path in tmp_path.rglob("*"):
        if path.is_file():
            moment = path.stat().st_mtime - days * 86400
            os.utime(path, (moment, moment))
    let_server_forget()


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
    assert rendition_key(DIGEST, 320, Format.WEBP) == f"renditions/ab/cd/{DIGEST}/320.webp"


def test_what_is_put_is_there(store: ObjectStore, root: Path) -> None:
    store.put(KEY, b"bytes")

    assert store.exists(KEY)
    assert store.get(KEY) == b"bytes"
    with store.open(KEY) as stream:
        assert stream.read(2) == b"by"
    assert files(root) == [DIGEST]


def test_a_stream_is_stored_whole_or_not_at_all(store: ObjectStore, root: Path) -> None:
    data = os.urandom(200_000)

    whole = store.put_from(KEY, io.BytesIO(data + b"more"), len(data))
    cut = store.put_from(rendition_key(DIGEST, 320), io.BytesIO(data), len(data) + 1)

    assert (whole, cut) == (True, False)
    assert store.get(KEY) == data
    assert files(root) == [DIGEST]
    assert (store.size(KEY), store.size(rendition_key(DIGEST, 320))) == (len(data), None)


def test_what_is_larger_than_a_photo_is_stored_whole_or_not_at_all(
    store: ObjectStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.media.s3._PART_BYTES", 5 * 1024 * 1024)  # the least that S3 takes
    data = os.urandom(11 * 1024 * 1024)

    whole = store.put_from("open-data/whole", io.BytesIO(data), len(data))
    short = store.put_from("open-data/short", io.BytesIO(data[:-1]), len(data))

    assert (whole, short) == (True, False)
    assert store.get("open-data/whole") == data
    assert [path.name for path in root.rglob("*") if path.is_file()] == ["whole"]


def test_a_large_object_is_read_from_where_it_is_sought(store: ObjectStore) -> None:
    data = os.urandom(1_000_000)
    store.put("open-data/some", data)

    with store.open_large("open-data/some") as stream:
        stream.seek(600_000)
        middle = stream.read(10)
        stream.seek(0)
        begin, end = stream.read(300_000), stream.seek(0, os.SEEK_END)
        beyond = stream.read(1)

    assert (begin, middle, end, beyond) == (data[:300_000], data[600_000:600_010], 1_000_000, b"")
    with pytest.raises(NoSuchObject):
        store.open_large("open-data/none")


def test_a_second_put_replaces_the_first_and_renews_its_time(store: ObjectStore, root: Path) -> None:
    store.put(KEY, b"damaged")
    age(root, days=3)

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


def test_what_was_put_since_is_not_deleted(store: ObjectStore, root: Path) -> None:
    before = dt.datetime.now(dt.UTC) - DAY
    store.put(KEY, b"bytes")

    assert not store.delete(KEY, unless_put_since=before)
    age(root, days=2)
    assert store.delete(KEY, unless_put_since=before)


@contextmanager
def at_work(folder: Path) -> Iterator[None]:
    """Hold the lock that a put or a deletion holds while it is at work in a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    yield
    os.close(descriptor)


def is_awaited() -> bool:
    """Tell whether this process waits for a lock of a file, by the list of the kernel (proc_locks(5))."""
    lines = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return any(line[1] == "->" and line[2] == "FLOCK" and line[5] == str(os.getpid()) for line in lines)


def test_a_deletion_waits_for_a_put_of_the_same_and_then_spares_it(folder: FolderStore, tmp_path: Path) -> None:
    before = dt.datetime.now(dt.UTC) - DAY
    folder.put(KEY, b"bytes")
    age(tmp_path, days=2)

    with ThreadPoolExecutor(1) as threads:
        with at_work(tmp_path / "deep" / "media" / "originals" / "ab" / "cd"):
            deletion = threads.submit(folder.delete, KEY, unless_put_since=before)
            wait_until(is_awaited)
            assert not deletion.done()
            age(tmp_path, days=-2)

        assert deletion.result() is False
    assert folder.exists(KEY)


def test_a_put_waits_for_a_deletion_of_the_same_and_then_stores_anew(folder: FolderStore, tmp_path: Path) -> None:
    place = tmp_path / "deep" / "media" / "originals" / "ab" / "cd"
    folder.put(KEY, b"bytes")

    with ThreadPoolExecutor(1) as threads:
        with at_work(place):
            put = threads.submit(folder.put, KEY, b"bytes")
            wait_until(is_awaited)
            assert not put.done()
            (place / DIGEST).unlink()

        put.result()
    assert folder.exists(KEY)


def test_the_walk_gives_keys_below_a_prefix(store: ObjectStore) -> None:
    store.put(KEY, b"bytes")
    store.put(rendition_key(DIGEST, 320), b"small")

    assert {stored.key for stored in store.keys("originals")} == {KEY}
    assert {stored.key for stored in store.keys("renditions")} == {rendition_key(DIGEST, 320)}
    assert list(store.keys("masks")) == []


def test_sizes_are_told_of_what_is_there(store: ObjectStore) -> None:
    there = {rendition_key(DIGEST, 320): b"small", KEY: b"bytes of it", "uploads/1": b""}
    for key, data in there.items():
        store.put(key, data)

    asked = [*there, rendition_key(DIGEST, 1600), original_key("f" * 64), original_key("0" * 64), "masks/1"]
    assert store.sizes(asked) == {key: len(data) for key, data in there.items()}
    assert store.sizes([]) == {}


def test_sizes_of_many_objects_of_a_bucket_take_few_requests(s3: S3Store, bucket: Path) -> None:
    keys = [f"originals/{number:05}" for number in range(2500)]
    (bucket / "originals").mkdir()
    for key in keys:
        (bucket / key).write_bytes(b"123")
    asked: list[str] = []
    s3._client.meta.events.register("before-call.s3", lambda model, **_: asked.append(model.name))

    every = s3.sizes(keys)
    few = s3.sizes([keys[0], keys[1300], keys[2499], "originals/x"])

    assert every == dict.fromkeys(keys, 3)
    assert few == dict.fromkeys([keys[0], keys[1300], keys[2499]], 3)
    assert set(asked) == {"ListObjectsV2"}
    assert len(asked) <= 6


def test_a_server_that_cannot_list_from_a_key_on_is_asked_one_by_one(s3: S3Store, bucket: Path) -> None:
    keys = [f"originals/{number:05}" for number in range(1100)]
    (bucket / "originals").mkdir()
    for key in keys:
        (bucket / key).write_bytes(b"123")
    s3._client.meta.events.register(
        "provide-client-params.s3.ListObjectsV2",
        lambda params, **_: {name: value for name, value in params.items() if name != "StartAfter"},
    )

    assert s3.sizes([keys[3], keys[1050], "originals/x"]) == {keys[3]: 3, keys[1050]: 3}


def test_the_walk_gives_remains_of_interrupted_puts(folder: FolderStore, tmp_path: Path) -> None:
    folder.put(KEY, b"bytes")
    (tmp_path / "deep" / "media" / "originals" / "ab" / "cd" / "x.part").touch()

    assert {stored.key for stored in folder.keys("originals")} == {KEY, "originals/ab/cd/x.part"}


def test_a_full_disk_is_told_and_leaves_nothing(folder: FolderStore, tmp_path: Path) -> None:
    with full_disk(1000), pytest.raises(StoreUnavailable, match="Nothing was stored"):
        folder.put(KEY, bytes(5000))

    assert files(tmp_path) == []


def test_a_full_disk_leaves_what_was_there(folder: FolderStore, tmp_path: Path) -> None:
    folder.put(KEY, b"bytes")

    with full_disk(1000), pytest.raises(StoreUnavailable):
        folder.put(KEY, bytes(5000))

    assert folder.get(KEY) == b"bytes"
    assert files(tmp_path) == [DIGEST]


def test_a_folder_that_goes_away_while_running_is_told(folder: FolderStore, tmp_path: Path) -> None:
    (tmp_path / "deep" / "media").rmdir()
    (tmp_path / "deep" / "media").touch()

    with pytest.raises(StoreUnavailable):
        folder.put(KEY, b"bytes")


def test_a_folder_that_cannot_be_made_is_one_clear_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SettingsFault, match=r"MEDIA_ROOT: .*/file/media cannot be written"):
        FolderStore(tmp_path / "file" / "media")


@pytest.mark.parametrize("key", ["../x", "originals/../../x", "/etc/passwd"])
def test_a_key_that_leaves_the_folder_is_no_key(store: ObjectStore, key: str) -> None:
    with pytest.raises(ValueError, match="is no key"):
        store.get(key)


def mark_of(bucket: Path) -> Path:
    """Make the mark of a deletion that is at work."""
    mark = bucket / "deletions" / KEY
    mark.parent.mkdir(parents=True)
    mark.touch()
    let_server_forget()
    return mark


def looks_of(s3: S3Store) -> list[str]:
    """Return the list of the names that this store asks about from now on."""
    looked: list[str] = []

    def note(params: dict[str, Any], **_: object) -> None:
        looked.append(params["url_path"])

    s3._client.meta.events.register("before-call.s3.HeadObject", note)
    return looked


def test_a_put_into_a_bucket_waits_for_a_deletion_of_the_same_and_then_stores_anew(s3: S3Store, bucket: Path) -> None:
    s3.put(KEY, b"bytes")
    mark = mark_of(bucket)
    looked = looks_of(s3)

    with ThreadPoolExecutor(1) as threads:
        put = threads.submit(s3.put, KEY, b"bytes")
        wait_until(lambda: len(looked) > 1)
        assert not put.done()
        (bucket / KEY).unlink()
        mark.unlink()

        put.result()
    assert s3.exists(KEY)


def test_a_deletion_that_died_keeps_no_put_from_a_bucket(s3: S3Store, bucket: Path) -> None:
    mark_of(bucket)
    age(bucket, days=1)
    looked = looks_of(s3)

    s3.put(KEY, b"bytes")

    assert len([path for path in looked if "deletions" in path]) == 1, "it waited for the mark"
    assert s3.exists(KEY)


def test_a_put_and_a_deletion_of_the_same_at_once_leave_it_in_the_bucket(s3: S3Store, bucket: Path) -> None:
    before = dt.datetime.now(dt.UTC) - DAY

    with ThreadPoolExecutor(2) as threads:
        for turn in range(20):
            s3.put(KEY, b"bytes")
            age(bucket, days=2)
            deletion = threads.submit(s3.delete, KEY, unless_put_since=before)
            time.sleep(turn / 2000)
            threads.submit(s3.put, KEY, b"bytes").result()
            deletion.result()
            assert s3.get(KEY) == b"bytes"


def test_a_deletion_leaves_no_mark_in_the_bucket(s3: S3Store, bucket: Path) -> None:
    s3.put(KEY, b"bytes")

    assert not s3.delete(KEY, unless_put_since=dt.datetime.now(dt.UTC) - DAY)
    assert s3.delete(KEY)

    assert files(bucket) == []


def test_the_walk_over_a_bucket_goes_beyond_one_page(s3: S3Store, bucket: Path) -> None:
    (bucket / "originals").mkdir()
    for number in range(1100):
        (bucket / "originals" / f"{number}").touch()

    assert len({stored.key for stored in s3.keys("originals")}) == 1100


def test_a_bucket_that_is_not_there_or_not_ours_is_one_clear_fault(s3_server: S3Server, bucket: Path) -> None:
    with pytest.raises(SettingsFault, match=r"S3_BUCKET: the store refuses 'elsewhere' \(404\)"):
        s3_server.open("elsewhere")
    with pytest.raises(SettingsFault, match=r"the store refuses .* \(403\)"):
        s3_server.open(bucket.name, secret_key="wrong")


def test_a_bucket_that_goes_away_while_running_is_told(s3: S3Store, bucket: Path) -> None:
    bucket.rmdir()
    let_server_forget()

    with pytest.raises(StoreUnavailable, match="Nothing was stored"):
        s3.put(KEY, b"bytes")
    with pytest.raises(StoreUnavailable):
        s3.get(KEY)
    with pytest.raises(StoreUnavailable):
        list(s3.keys("originals"))


def test_a_server_that_is_away_keeps_nothing_from_starting_and_is_told_at_each_request(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        (server.root / "photos").mkdir()

    with closing(server.open("photos")) as store:
        for ask in (lambda: store.put(KEY, b"bytes"), lambda: store.get(KEY), lambda: store.delete(KEY)):
            with pytest.raises(StoreUnavailable):
                ask()

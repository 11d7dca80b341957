from __future__ import annotations

import datetime as dt
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import event
from sqlalchemy.orm import Session

from app import db
from app.media import links, masking, masks, service, tasks
from app.media.formats import Format
from app.media.links import Kind
from app.media.models import Photo
from app.media.probe import HaarDetector, Undecodable
from app.media.service import Media, Upload
from app.media.store import FolderStore, masked_key, rendition_key
from tests.media.containers import extras
from tests.media.pictures import decode, encode, quarters

NOW = dt.datetime(2026, 5, 1, 8, tzinfo=dt.UTC)
BOX: dict[str, Any] = {"x": 0.4, "y": 0.4, "width": 0.2, "height": 0.2, "kind": "face", "source": "detector"}


class Finds:
    """A detector that finds what it is told, or fails."""

    def __init__(self, *boxes: dict[str, Any], fault: Exception | None = None) -> None:
        self.boxes, self.fault, self.looked = list(boxes), fault, 0

    def find(self, data: bytes) -> list[dict[str, Any]]:  # noqa: ARG002  # the interface
        self.looked += 1
        if self.fault is not None:
            raise self.fault
        return self.boxes


def checked(size: int = 400) -> Image.Image:
    """Draw a board of fields of four pixels: detail that no mosaic keeps."""
    image = Image.new("RGB", (size, size))
    image.putdata([(255,) * 3 if (x // 4 + y // 4) % 2 else (0,) * 3 for y in range(size) for x in range(size)])
    return image


def use(media: Media, detector: Finds | None) -> Media:
    changed = replace(media, detector=detector)
    service.configure(changed)
    return changed


@pytest.fixture
def photo(session: Session, configured: Media) -> Photo:
    (accepted,) = service.accept(configured, [Upload("a.png", encode(checked(), "PNG"))])
    return service.record(session, accepted, now=NOW, claimed=True)


def run(session: Session, photo: Photo) -> None:
    tasks.render(str(photo.id))
    tasks.mask(str(photo.id))
    session.refresh(photo)


def shades(image: Image.Image, area: tuple[int, int, int, int]) -> int:
    """Give the span between the darkest and the brightest pixel of an area."""
    low, high = image.crop(area).convert("L").getextrema()
    assert isinstance(low, int)
    assert isinstance(high, int)
    return high - low


def test_what_is_found_is_unreadable_with_its_margin_and_the_rest_is_as_it_was(
    session: Session, configured: Media, photo: Photo
) -> None:
    media = use(configured, Finds(BOX))

    run(session, photo)

    found = service.find_renditions(
        session, media, photo.id, 1600, kind=Kind.MASKED, signature=signature(media, photo, 1600)
    )
    shown = service.read_first(media, found)
    picture = decode(shown.data)
    assert photo.is_public
    # 160 to 240 with a quarter of 80 around it; eight pixels at the edge are JPEG's own.
    assert shades(picture, (148, 148, 252, 252)) < 40
    assert shades(picture, (4, 4, 100, 100)) > 200
    assert shades(decode(media.store.get(rendition_key(photo.digest, 1600))), (148, 148, 252, 252)) > 200


def signature(media: Media, photo: Photo, size: int, kind: Kind = Kind.MASKED) -> str:
    return links.rendition_path(media.key, photo.id, size, kind).rsplit("=", 1)[1]


@pytest.mark.parametrize("kind", Format)
def test_the_small_picture_is_masked_too(session: Session, configured: Media, photo: Photo, kind: Format) -> None:
    media = use(configured, Finds(BOX))

    run(session, photo)

    small = decode(media.store.get(masked_key(photo.digest, photo.id, 0, 320, kind)))
    assert (small.size, small.format) == ((320, 320), kind.name)
    assert shades(small, (122, 122, 198, 198)) < 40


def test_masked_pictures_hold_no_metadata(session: Session, configured: Media, photo: Photo) -> None:
    use(configured, Finds(BOX))

    run(session, photo)

    for variant in service.VARIANTS:
        assert extras(configured.store.get(masked_key(photo.digest, photo.id, 0, *variant))) == []


def test_no_signature_opens_the_other_kind(app: Flask, session: Session, configured: Media, photo: Photo) -> None:
    media = use(configured, Finds(BOX))
    run(session, photo)
    browser = app.test_client()
    masked = links.rendition_path(media.key, photo.id, 320, Kind.MASKED)
    plain = links.rendition_path(media.key, photo.id, 320, Kind.PLAIN)

    swapped = [masked.replace("/masked/", "/"), plain.replace("/320", "/masked/320")]

    assert [browser.get(link).status_code for link in (masked, plain)] == [200, 200]
    assert [browser.get(link).status_code for link in swapped] == [404, 404]


def test_a_link_of_before_there_were_masks_opens_nothing(
    app: Flask, session: Session, configured: Media, photo: Photo
) -> None:
    use(configured, Finds())
    run(session, photo)
    old = links.sign(configured.key, photo.id, 320)

    answers = [app.test_client().get(f"/api/v1/photos/{photo.id}/{path}320?sig={old}") for path in ("", "masked/")]

    assert [answer.status_code for answer in answers] == [404, 404]


def test_caches_ask_again_for_a_picture_that_may_be_hidden(
    app: Flask, session: Session, configured: Media, photo: Photo
) -> None:
    media = use(configured, Finds())
    run(session, photo)
    link, browser = links.rendition_path(media.key, photo.id, 320, Kind.MASKED), app.test_client()
    first = browser.get(link)

    masking.hide(session, photo, reason="a child", by=uuid4(), now=NOW)
    hidden = browser.get(link, headers={"If-None-Match": first.headers["ETag"]})
    masking.unhide(session, photo, by=uuid4(), now=NOW)

    assert first.headers["Cache-Control"] == "public, no-cache"
    assert (hidden.status_code, hidden.headers["Cache-Control"]) == (404, "no-store")
    assert browser.get(link).status_code == 200


def test_without_a_detector_nobody_sees_it_until_staff_release_it(
    app: Flask, session: Session, configured: Media, photo: Photo
) -> None:
    media = use(configured, None)
    run(session, photo)
    link, browser = links.rendition_path(media.key, photo.id, 1600, Kind.MASKED), app.test_client()
    before = browser.get(link).status_code

    masking.release(session, photo, by=uuid4(), now=NOW)

    assert (before, browser.get(link).status_code) == (404, 200)


def test_a_detector_that_fails_leaves_the_picture_to_staff(session: Session, configured: Media, photo: Photo) -> None:
    use(configured, Finds(fault=Undecodable("makes the decoder stop.")))

    run(session, photo)
    failed = (photo.is_public, photo.mask_fault)
    masking.release(session, photo, by=uuid4(), now=NOW)
    tasks.mask(str(photo.id))
    session.refresh(photo)

    assert failed == (False, "makes the decoder stop.")
    assert photo.is_public


def test_new_boxes_are_masked_before_the_public_sees_it_again(
    session: Session, configured: Media, photo: Photo
) -> None:
    detector = Finds(BOX)
    media = use(configured, detector)
    run(session, photo)
    corner = {"x": 0.0, "y": 0.0, "width": 0.2, "height": 0.2, "kind": "other"}

    masking.redo_boxes(session, photo, [corner], by=uuid4(), now=NOW)
    between = photo.is_public
    tasks.mask(str(photo.id))
    session.refresh(photo)

    picture = decode(media.store.get(masked_key(photo.digest, photo.id, 1, 1600)))
    assert (between, photo.is_public, detector.looked) == (False, True, 1)
    assert photo.boxes == [corner | {"source": "staff"}]
    assert shades(picture, (0, 0, 90, 90)) < 40
    assert shades(picture, (148, 148, 252, 252)) > 200
    assert not any(media.store.exists(masked_key(photo.digest, photo.id, 0, *one)) for one in service.VARIANTS)


def test_old_masks_are_deleted_when_no_row_is_locked_any_more(
    session: Session, configured: Media, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(configured, Finds(BOX))
    run(session, photo)
    masking.redo_boxes(session, photo, [BOX], by=uuid4(), now=NOW)
    steps: list[str] = []
    delete = FolderStore.delete

    def watched(store: FolderStore, key: str, *, unless_put_since: dt.datetime | None = None) -> bool:
        steps.append("delete")
        return delete(store, key, unless_put_since=unless_put_since)

    def note(_: Session) -> None:
        steps.append("commit")

    monkeypatch.setattr(FolderStore, "delete", watched)
    event.listen(db.Session, "after_commit", note)
    try:
        tasks.mask(str(photo.id))
    finally:
        event.remove(db.Session, "after_commit", note)

    assert steps == ["commit"] + ["delete"] * len(service.VARIANTS)


def test_boxes_that_change_while_a_mask_is_made_win(session: Session, configured: Media, photo: Photo) -> None:
    media = use(configured, Finds(BOX))
    tasks.render(str(photo.id))
    session.refresh(photo)
    boxes, detected = masking.make_masked(media, photo)
    seen = Photo(id=photo.id, digest=photo.digest, mask_revision=0)
    masking.redo_boxes(session, photo, [], by=uuid4(), now=NOW)

    assert not masking.mark_masked(session, seen, boxes, detected=detected, now=NOW)

    session.refresh(photo)
    assert (photo.masked_at, photo.boxes) == (None, [])


def test_boxes_of_a_detector_that_are_none_are_left_out(session: Session, configured: Media, photo: Photo) -> None:
    use(configured, Finds(BOX | {"x": -3.0}, BOX | {"width": 0.0}, BOX))

    run(session, photo)

    assert photo.boxes == [BOX]


@pytest.mark.parametrize("size", [(1600, 1200), (37, 21)])
def test_a_box_ends_at_the_picture_and_of_few_cells_remains(size: tuple[int, int]) -> None:
    image = checked(1600).crop((0, 0, *size))
    area = masks.padded({"x": 0.9, "y": 0.9, "width": 0.3, "height": 0.3}, size)

    masks.pixelate(image, area)

    assert area[2:] == size
    assert len(set(image.crop(area).get_flattened_data())) <= masks.CELLS**2


@pytest.fixture(scope="module")
def haar() -> Any:
    detector = HaarDetector()
    yield detector
    detector.close()


def test_the_cascades_find_a_face_in_a_street(haar: HaarDetector, photos: Path) -> None:
    street = Image.new("RGB", (1200, 900), "gray")
    face = Image.open(photos / "plain.png").convert("RGB").resize((256, 256))
    street.paste(face, (600, 300))

    boxes = haar.find(encode(street))

    # The face of the portrait lies about its middle, at (720, 400).
    assert any(box["kind"] == "face" and covers(box, 720 / 1200, 400 / 900) for box in boxes)


def covers(box: dict[str, Any], x: float, y: float) -> bool:
    return bool(box["x"] <= x <= box["x"] + box["width"] and box["y"] <= y <= box["y"] + box["height"])


def test_where_there_is_nothing_they_find_nothing(haar: HaarDetector) -> None:
    assert haar.find(encode(quarters(1600, 1200))) == []


def test_what_is_no_picture_is_refused_and_the_child_lives_on(haar: HaarDetector) -> None:
    with pytest.raises(Undecodable):
        haar.find(b"no picture")

    assert haar.find(encode(quarters())) == []


def test_no_other_process_imports_opencv() -> None:
    program = (
        "import sys; from app.media import child, detect; from app.media.probe import HaarDetector; HaarDetector(); "
        "import app.reports.photo_routes; sys.exit('cv2' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0

"""What is found about an after-photo: near the place, recent, not used before, large and sharp enough. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.geo.types import Point
from app.media.models import Photo, UploadState

# A phone between high houses is tens of metres off, and whoever photographs a lamp stands across the road.
NEAR_M = 100.0
# How far the clocks of a camera, a phone and ours may be apart, and how long before the tap the picture may be made.
CLOCK_SLACK = dt.timedelta(minutes=10)
# A repair is photographed on the day it is done; an older picture shows another day's work.
FRESH_FOR = dt.timedelta(hours=24)
# Less is a thumbnail, or a picture out of a chat: what was repaired cannot be seen on it.
LEAST_SHORT_SIDE = 480
# Measured on the pictures of ../shared/data/photos that are large enough: sharp 1180 to 3620; blurred by 0.2 % of the
# long side (8 of 4032 pixels) 86 to 110, still readable; by 0.4 %, unreadable, 11 to 14. With an eighth of the
# contrast, as at night, the sharp ones keep 18 to 57. A smear in one direction keeps 90 and more and is not found.
LEAST_SHARPNESS = 16.0


class FindingKind(StrEnum):
    """What of a photo was looked at; ``ARRIVAL`` stands alone while there is no picture to look at."""

    ARRIVAL = "arrival"
    POSITION = "position"
    TIME = "time"
    REUSED = "reused"
    SIZE = "size"
    SHARPNESS = "sharpness"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about a photo. ``passed`` is None where it could not be judged; that fails no check.

    ``detail`` is for the crew; ``values`` says the same in numbers: metres, minutes, pixels, the other photo's id.
    """

    kind: FindingKind
    passed: bool | None
    detail: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What the photos of a step are judged against.

    ``since`` is when the unit's work began, ``at`` when the step was taken, on the phone where that is known.
    ``timezone`` is that of a camera's clock which names none.
    """

    place: Point
    accuracy_m: float
    since: dt.datetime
    at: dt.datetime
    timezone: dt.tzinfo


def judge(photo: Photo, scene: Scene, *, alike: Photo | None) -> tuple[Finding, ...]:
    """Judge one photo; ``alike`` is one used before that is the same or looks the same. Pure."""
    return (
        _judge_position(photo, scene),
        _judge_time(photo, scene),
        _judge_use(photo, alike),
        _judge_size(photo),
        _judge_sharpness(photo),
    )


def miss(state: UploadState) -> tuple[Finding, ...]:
    """Say of a photo that is not here that nobody looked at it, or that it will not come."""
    values = {"state": state.value}
    if state is UploadState.NEVER_ARRIVED:
        return (_failed(FindingKind.ARRIVAL, "The photo never arrived. Send another one.", **values),)
    if state is UploadState.REFUSED:
        detail = "What arrived is no picture that is taken. The one who sent it can put it again."
    else:
        detail = "The photo has not arrived yet; it is looked at when it does."
    return (Finding(FindingKind.ARRIVAL, passed=None, detail=detail, values=values),)


def has_failed(judged: Sequence[Sequence[Finding]]) -> bool:
    """Tell whether photos fail as evidence: one was used before, or there is none without a fault.

    One good photo is enough: a second from across the road harms nothing. But a crew that brings a used one is to
    explain it, whatever else it brings. Without photos there is nothing to fail, and one on its way is none yet.
    """
    here = [one for one in judged if not _is_awaited(one)]
    reused = any(finding.kind is FindingKind.REUSED and finding.passed is False for one in here for finding in one)
    good = any(all(finding.passed is not False for finding in one) for one in here)
    return bool(here) and (reused or not good)


def _is_awaited(found: Sequence[Finding]) -> bool:
    return any(finding.kind is FindingKind.ARRIVAL and finding.passed is None for finding in found)


def taken_at(photo: Photo, timezone: dt.tzinfo) -> dt.datetime | None:
    """Give when a photo was taken; a camera's clock without a zone is read as local time of ``timezone``."""
    if photo.taken_at is None or photo.taken_zone_known:
        return photo.taken_at
    return photo.taken_at.astimezone(dt.UTC).replace(tzinfo=timezone)


def _judge_position(photo: Photo, scene: Scene) -> Finding:
    most = max(NEAR_M, scene.accuracy_m)
    if photo.position is None:
        return _unknown(FindingKind.POSITION, "The photo carries no position. Let the camera keep it.")
    metres = photo.position.distance_m(scene.place)
    values = {"metres": round(metres), "most_m": round(most)}
    if metres <= most:
        return _passed(FindingKind.POSITION, f"Taken {metres:.0f} m from the place.", **values)
    detail = f"Taken {metres:,.0f} m from the place, at most {most:,.0f} m is near. Take one at the place."
    return _failed(FindingKind.POSITION, detail, **values)


def _judge_time(photo: Photo, scene: Scene) -> Finding:
    taken = taken_at(photo, scene.timezone)
    if taken is None:
        return _unknown(FindingKind.TIME, "The photo carries no time. Use the phone's own camera.")
    minutes = round((scene.at - taken).total_seconds() / 60)
    values = {"taken_at": taken.isoformat(), "minutes_before": minutes, "zone_known": photo.taken_zone_known}
    fault = _fault_of_time(taken, scene)
    if fault is None:
        return _passed(FindingKind.TIME, "Taken during the work.", **values)
    local = taken.astimezone(scene.timezone)
    return _failed(FindingKind.TIME, f"Taken on {local:%Y-%m-%d at %H:%M}, {fault}", **values)


def _fault_of_time(taken: dt.datetime, scene: Scene) -> str | None:
    if taken > scene.at + CLOCK_SLACK:
        return "which is after the step was taken. Look at the clock of the camera."
    if taken < scene.since - CLOCK_SLACK:
        return "which is before the work began. Take one of how it is now."
    if taken < scene.at - FRESH_FOR:
        return "more than 24 hours before the step. Take one of how it is now."
    return None


def _judge_use(photo: Photo, alike: Photo | None) -> Finding:
    if alike is not None:
        same = alike.digest == photo.digest
        detail = (
            "This very picture was sent before." if same else "It looks the same as a picture that was sent before."
        )
        return _failed(FindingKind.REUSED, f"{detail} Take a new one.", photo=str(alike.id), same_bytes=same)
    if photo.dhash is None:
        return _unknown(FindingKind.REUSED, "The picture shows too little to be compared with others.")
    return _passed(FindingKind.REUSED, "Not used before.")


def _judge_size(photo: Photo) -> Finding:
    short = min(photo.width, photo.height)
    values = {"short_side": short, "least": LEAST_SHORT_SIDE}
    if short >= LEAST_SHORT_SIDE:
        return _passed(FindingKind.SIZE, f"{photo.width} by {photo.height} pixels.", **values)
    detail = f"{photo.width} by {photo.height} pixels; the short side needs {LEAST_SHORT_SIDE}. Send the original."
    return _failed(FindingKind.SIZE, detail, **values)


def _judge_sharpness(photo: Photo) -> Finding:
    if photo.sharpness is None:
        return _unknown(FindingKind.SHARPNESS, "How sharp it is was not measured.")
    values = {"sharpness": round(photo.sharpness, 1), "least": LEAST_SHARPNESS}
    if photo.sharpness >= LEAST_SHARPNESS:
        return _passed(FindingKind.SHARPNESS, "Sharp enough.", **values)
    detail = "The picture is blurred or nearly dark. Hold still, give light, and take it again."
    return _failed(FindingKind.SHARPNESS, detail, **values)


def _passed(kind: FindingKind, detail: str, **values: Any) -> Finding:
    return Finding(kind, passed=True, detail=detail, values=values)


def _failed(kind: FindingKind, detail: str, **values: Any) -> Finding:
    return Finding(kind, passed=False, detail=detail, values=values)


def _unknown(kind: FindingKind, detail: str) -> Finding:
    return Finding(kind, passed=None, detail=detail, values={})

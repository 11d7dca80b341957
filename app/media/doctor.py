"""Compare every row with the store, and have made again what can be made again.

It is right beside the running service: what looks ill is looked at once more, with the jobs that wait for it, and is
told only where its row has not changed meanwhile. Objects are put before their row says so, and removed after.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.jobs import enqueue
from app.media.models import Photo
from app.media.service import VARIANTS
from app.media.states import State, states
from app.media.store import NoSuchObject, ObjectStore, masked_key, rendition_key

# Behind the pictures that somebody waits for.
_PRIORITY = -10


class Ill(StrEnum):
    """What is wrong with a photo, in the words that a person reads; docs/operations.md says what to do."""

    LOST = "original lost"
    DAMAGED = "original damaged"
    RENDITIONS = "renditions missing or damaged"
    MASKED = "masked renditions missing or damaged"
    UNRENDERED = "never rendered, and no job waits"
    UNMASKED = "never masked, and no job waits"
    RENDER_FAULT = "could not be rendered"
    MASK_FAULT = "could not be masked"


_ORIGINAL = frozenset({Ill.LOST, Ill.DAMAGED})
_RENDER = frozenset({Ill.RENDITIONS, Ill.UNRENDERED, Ill.RENDER_FAULT})
# Tried again, which may help or not: only the next look tells.
_DOUBTFUL = frozenset({Ill.RENDER_FAULT, Ill.MASK_FAULT})


@dataclass(frozen=True, slots=True)
class Finding:
    """A photo with which something is wrong, or more than one thing."""

    state: State
    ills: tuple[Ill, ...]

    @property
    def fault(self) -> str:
        """Give why it could not be made, where that was noted."""
        return self.state.render_fault or self.state.mask_fault or ""

    @property
    def can_be_repaired(self) -> bool:
        """Say whether anything can be made again; from an original that is gone no rendition can."""
        ills = set(self.ills)
        return not ills <= _ORIGINAL and not (ills & _ORIGINAL and ills & _RENDER)

    @property
    def left(self) -> tuple[Ill, ...]:
        """Give what a repair leaves, for sure or perhaps."""
        return tuple(ill for ill in self.ills if not self.can_be_repaired or ill in _ORIGINAL | _DOUBTFUL)


def examine(session: Session, store: ObjectStore, page: Sequence[State], *, deep: bool) -> list[Finding]:
    """Find which photos of a page are ill, outside of transactions; ``deep`` reads what is stored.

    Without it sizes are compared. Raises StoreUnavailable.
    """
    suspects = [finding.state.id for finding in _look(store, page, deep=deep)]
    if not suspects:
        return []
    before = states(session, suspects)
    found = _look(store, [before[one] for one in suspects if one in before], deep=deep)
    after = states(session, [finding.state.id for finding in found])
    return [finding for finding in found if after.get(finding.state.id) == finding.state]


def repair(session: Session, finding: Finding) -> None:
    """Have made again what can be, once; a photo that changed since it was examined is left to the next look."""
    photo = session.get(Photo, finding.state.id, with_for_update=True, populate_existing=True)
    # Another doctor waited for the same lock, or the job is there meanwhile.
    if photo is None or not finding.can_be_repaired or states(session, [photo.id])[photo.id] != finding.state:
        return
    ills, values = set(finding.ills), dict[str, Any]()
    if Ill.RENDITIONS in ills:
        values |= {"rendered_at": None, "render_fault": None}
    if Ill.MASKED in ills:
        values |= {"masked_at": None, "mask_fault": None}
    if values:
        session.execute(update(Photo).where(Photo.id == photo.id).values(values))
    # Rendering asks for the masking that comes after it.
    task, waits = ("render", finding.state.rendering) if ills & _RENDER else ("mask", finding.state.masking)
    if not waits:
        enqueue(session, f"media.{task}", photo_id=str(photo.id), priority=_PRIORITY)


def _look(store: ObjectStore, page: Sequence[State], *, deep: bool) -> list[Finding]:
    shelf = _Shelf(store, page, deep=deep)
    return [Finding(state, ills) for state in page if (ills := tuple(_ills(state, shelf)))]


def _ills(state: State, shelf: _Shelf) -> Iterator[Ill]:
    if state.spooled:
        return
    yield from shelf.original_ills(state)
    if state.rendered_at is None:
        if not state.rendering:
            yield Ill.RENDER_FAULT if state.render_fault else Ill.UNRENDERED
    elif not all(map(shelf.has_picture, _renditions(state))):
        yield Ill.RENDITIONS
    if state.masked_at is not None:
        if not all(map(shelf.has_picture, _masked(state))):
            yield Ill.MASKED
    elif state.rendered_at is not None and not state.masking:
        yield Ill.MASK_FAULT if state.mask_fault else Ill.UNMASKED


def _renditions(state: State) -> list[str]:
    return [rendition_key(state.digest, *variant) for variant in VARIANTS]


def _masked(state: State) -> list[str]:
    return [masked_key(state.digest, state.id, state.mask_revision, *variant) for variant in VARIANTS]


def _keys(state: State) -> list[str]:
    renditions = _renditions(state) if state.rendered_at is not None else []
    return [state.key, *renditions, *(_masked(state) if state.masked_at is not None else [])]


@dataclass(slots=True)
class _Shelf:
    """What the store has of a page of photos; each object is read once at most."""

    store: ObjectStore
    page: Sequence[State]
    deep: bool = field(kw_only=True)
    sizes: dict[str, int] = field(init=False)
    digests: dict[str, str] = field(init=False, default_factory=dict)
    whole: dict[str, bool] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.sizes = self.store.sizes({key for state in self.page for key in _keys(state)})

    def original_ills(self, state: State) -> Iterator[Ill]:
        """Compare an original with what its row says."""
        size = self.sizes.get(state.key)
        if size is None:
            yield Ill.LOST
        elif size != state.size or (self.deep and self._digest(state.key) != state.digest):
            yield Ill.DAMAGED

    def has_picture(self, key: str) -> bool:
        """Say whether a rendition is there; a deep look sees one that was cut off too."""
        if not self.sizes.get(key):
            return False
        if self.deep and key not in self.whole:
            self.whole[key] = _is_whole(self._read(key))
        return not self.deep or self.whole[key]

    def _digest(self, key: str) -> str:
        if key not in self.digests:
            self.digests[key] = hashlib.sha256(self._read(key)).hexdigest()
        return self.digests[key]

    def _read(self, key: str) -> bytes:
        try:
            return self.store.get(key)
        except NoSuchObject:
            return b""


def _is_whole(data: bytes) -> bool:
    """Say whether a file begins and ends as a JPEG of ours does, or is as long as a WebP says."""
    if data.startswith(b"RIFF"):
        return len(data) == int.from_bytes(data[4:8], "little") + 8
    return data.startswith(b"\xff\xd8") and data.endswith(b"\xff\xd9")

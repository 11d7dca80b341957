"""The application with a halt in it: at the point that HALT_AT names it writes its process id to a file and waits.

Started in place of wsgi.py, or as a module in place of app.server, by tests that kill it there, so that nothing in
app/ exists for tests only. If nobody kills
it, it goes on after a while and leaves a second file that says so.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import event

from app import create_app, db
from app.media import masking, service, store, uploads
from app.server.__main__ import main

SECONDS = 1800
ORIGINAL = r"/originals/"
PLAIN = r"/renditions/../../[0-9a-f]{64}/\d+\."
UPLOAD = r"/uploads/"
MASKED = r"/renditions/../../[0-9a-f]{64}/[0-9a-f-]{36}/"


def halt() -> None:
    """Say that the point is reached, and wait to be killed."""
    folder = Path(os.environ["HALT_FOLDER"])
    # The other threads and processes come by too; one file is enough.
    part = folder / f"halted.{os.getpid()}"
    part.write_text(str(os.getpid()))
    part.rename(folder / "halted")
    time.sleep(SECONDS)
    (folder / "went on").touch()


def before(owner: Any, name: str) -> None:
    """Halt before a function is called."""
    inner = getattr(owner, name)

    def outer(*given: Any, **more: Any) -> Any:
        halt()
        return inner(*given, **more)

    setattr(owner, name, outer)


def after(owner: Any, name: str, place: str = "") -> None:
    """Halt after a function has returned; where ``place`` is given, only when one of its arguments looks so."""
    inner = getattr(owner, name)

    def outer(*given: Any, **more: Any) -> Any:
        made = inner(*given, **more)
        if any(re.search(place, f"/{one}") for one in given if isinstance(one, str | Path)) or not place:
            halt()
        return made

    setattr(owner, name, outer)


def stall(owner: Any, name: str) -> None:
    """Let nothing of a function happen."""
    setattr(owner, name, lambda *_, **__: time.sleep(SECONDS))


def committed(owner: Any, name: str, *, beside: tuple[Any, str] | None = None) -> None:
    """Halt after the commit of the transaction in which a function was called.

    ``beside`` is what the next job does, which the worker begins while this one halts: nothing of it may happen.
    """
    inner = getattr(owner, name)
    if beside is not None:
        stall(*beside)

    def outer(session: Any, *given: Any, **more: Any) -> Any:
        session.info["called"] = True
        return inner(session, *given, **more)

    setattr(owner, name, outer)

    @event.listens_for(db.Session, "after_commit")
    def _(session: Any) -> None:
        if session.info.pop("called", False):
            halt()


POINTS: dict[str, Callable[[], None]] = {
    "original half written": lambda: after(store, "_write_beside", ORIGINAL),
    "original stored": lambda: after(store.FolderStore, "put", ORIGINAL),
    "photo recorded": lambda: after(service, "record"),
    "report committed": lambda: committed(service, "record"),
    "photo claimed": lambda: after(service, "claim"),
    "claim committed": lambda: committed(service, "claim"),
    "upload half written": lambda: after(store, "_write_beside", UPLOAD),
    "upload stored": lambda: after(store.FolderStore, "put_from", UPLOAD),
    "arrival committed": lambda: committed(uploads, "note_arrival"),
    "upload examined": lambda: after(uploads, "examine"),
    "photo filled": lambda: committed(uploads, "mark_ready", beside=(service, "make_renditions")),
    "rendition half written": lambda: after(store, "_write_beside", PLAIN),
    "between renditions": lambda: after(store.FolderStore, "put", PLAIN),
    "renditions stored": lambda: before(service, "mark_rendered"),
    "rendering committed": lambda: committed(service, "mark_rendered", beside=(masking, "make_masked")),
    "masked half written": lambda: after(store, "_write_beside", MASKED),
    "between masked": lambda: after(store.FolderStore, "put", MASKED),
    "masked stored": lambda: before(masking, "mark_masked"),
    "masking committed": lambda: committed(masking, "mark_masked"),
}

POINTS[os.environ["HALT_AT"]]()
if __name__ == "__main__":
    main()
else:
    app = create_app()

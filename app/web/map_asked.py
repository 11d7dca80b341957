"""What the page of the map was asked for, and addresses that ask for it again with something changed.

What cannot be read is left out and said, so that an old or a mistyped link still opens the map.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import request, url_for
from marshmallow import EXCLUDE, ValidationError
from webargs.multidictproxy import MultiDictProxy
from werkzeug.datastructures import MultiDict

from app.publicmap import schemas

LISTED = 20
_NUL = "\x00"


def read_asked() -> tuple[dict[str, Any], bool]:
    """Read filters and page of the list from the query; tell whether something of it was left out."""
    schema = schemas.LinesIn(unknown=EXCLUDE)
    given = MultiDict((name, value) for name, value in request.args.items(multi=True) if _NUL not in value)
    given.setdefault("limit", str(LISTED))
    faults = _faults(schema, given)
    for name in faults:
        given.poplist(name)
    return dict(schema.load(MultiDictProxy(given, schema))), bool(faults)


def _faults(schema: schemas.LinesIn, given: MultiDict[str, str]) -> list[str]:
    try:
        schema.load(MultiDictProxy(given, schema))
    except ValidationError as fault:
        return list(fault.messages_dict)
    return []


def again(**over: str | None) -> str:
    """Give the address of the map with what was asked for and this changed; None leaves it out."""
    named = [(name, value) for name, value in request.args.items(multi=True) if name not in over]
    named += [(name, value) for name, value in over.items() if value is not None]
    return f"{url_for('web.map.show')}?{urlencode(named)}"

"""Record the calls of one database: what each sends is what its floor repeats."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from itertools import islice
from typing import Any
from uuid import uuid4

from flask import Flask
from flask.testing import FlaskClient

from app import db
from app.accounts.service import token_digest
from app.catalogue.city import City as Pack
from app.db import utcnow
from benchmarks.calls import Asked, Inside, file, look
from benchmarks.draws import Draw
from benchmarks.lives import STEPS, Life, Lives
from benchmarks.record import Recorder
from benchmarks.scripts import Call
from benchmarks.web import Request
from dev.console import Refusal

READS = ("locate", "resolve", "similar")
LOOK, FILE, MOVE = "GET /similar", "POST /reports", "POST /moves: sign, note, fix"
WRITES = (FILE, MOVE)

Calls = dict[str, list[Call]]


def record(
    url: str,
    app: Flask,
    pack: Pack,
    *,
    asked: Sequence[Asked],
    draws: Iterator[Draw],
    lives: Lives,
    count: int,
    lived: int,
) -> Calls:
    """Record every call ``count`` times, the life of a work order ``lived`` times.

    Of the reports filed only those that opened a work order are kept: one that joins writes the next line of one
    history; repeated as it was, it would collide with itself.
    """
    chosen = list(islice(asked, count))
    with _recorder(url) as recorder:
        client, inside = app.test_client(), Inside(recorder.engine, pack)
        _answer(client, look(chosen[0]), HTTPStatus.OK)  # what a process reads once only
        calls = {name: _record_inside(recorder, getattr(inside, name), chosen) for name in READS}
        calls[LOOK] = [_record_look(recorder, client, each) for each in chosen]
        filed = [_record_file(recorder, client, draw) for draw in islice(draws, count)]
        calls[MOVE] = [_record_life(recorder, client, life, lives.token) for life in lives.take(lived)]
    calls[FILE] = [call for call in filed if call is not None]
    return calls


@contextmanager
def _recorder(url: str) -> Iterator[Recorder]:
    recorder = Recorder.open(url)
    db.Session.configure(bind=recorder.engine)
    db.Reading.configure(bind=recorder.engine.execution_options(isolation_level="AUTOCOMMIT"))
    try:
        yield recorder
    finally:
        recorder.engine.dispose()


def _record_inside(recorder: Recorder, call: Callable[[Asked], None], chosen: Sequence[Asked]) -> list[Call]:
    calls = []
    for each in chosen:
        began = utcnow()
        with recorder.recording() as statements:
            call(each)
        calls.append(Call(statements=statements, began=began, ended=utcnow()))
    return calls


def _record_look(recorder: Recorder, client: FlaskClient, asked: Asked) -> Call:
    began = utcnow()
    with recorder.recording() as statements:
        _answer(client, look(asked), HTTPStatus.OK)
    return Call(statements=statements, began=began, ended=utcnow())


def _record_file(recorder: Recorder, client: FlaskClient, draw: Draw) -> Call | None:
    key, began = uuid4(), utcnow()
    with recorder.recording() as statements:
        said = _answer(client, file(draw, key), HTTPStatus.CREATED)
    if said["joined"]:
        return None
    names = frozenset({said["number"], said["work_order"]})
    return Call(statements=statements, began=began, ended=utcnow(), names=names, keys=frozenset({key}))


def _record_life(recorder: Recorder, client: FlaskClient, life: Life, token: str) -> Call:
    keys, began = [uuid4() for _ in STEPS], utcnow()
    with recorder.recording() as statements:
        for request in life.requests(token, keys):
            _answer(client, request, HTTPStatus.OK)
    own = {value: name for name, value in life.own.items()}
    kept = frozenset({token_digest(token)})
    return Call(statements=statements, began=began, ended=utcnow(), keys=frozenset(keys), own=own, kept=kept)


def _answer(client: FlaskClient, request: Request, expected: HTTPStatus) -> Any:
    answer = client.open(request.path, method=request.method, data=request.body, headers=dict(request.headers))
    if answer.status_code != expected:
        raise Refusal(f"{request.method} {request.path} answered {answer.status_code}: {answer.get_data(as_text=True)}")
    return answer.get_json()

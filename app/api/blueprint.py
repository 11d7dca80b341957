"""The Api and Blueprint that all routes use: problem+json in the document, multipart and JSON in one argument."""

from __future__ import annotations

from typing import Any, ClassVar

import flask_smorest
from apispec import APISpec
from flask import Flask, Request, Response, jsonify
from flask.json.provider import DefaultJSONProvider
from webargs import missing
from webargs.core import parse_json
from webargs.flaskparser import FlaskParser
from webargs.multidictproxy import MultiDictProxy
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import RequestEntityTooLarge

from app.api.guard import public
from app.api.problems import MEDIA_TYPE, ProblemSchema
from app.errors import BadRequest, TooLarge, UnsupportedMediaType

DESCRIPTION = """\
Errors are `application/problem+json` (RFC 9457); docs/problems.md explains each.

A query parameter that an operation under `/api/v1` does not know is refused with 422: `errors` points at it, and
`known` lists those that it takes. Pages, tiles and feeds ignore unknown ones, as messengers and mail programs add
their own to links.

Bodies are JSON in UTF-8; one without a `Content-Type` is read as JSON, one of another kind is 415. Languages are known
by their primary subtag (`zh-Hans-CN`, `en_US`), datums without regard to case and dashes (`GCJ-02`).
"""
JSON_BYTES = 64 * 1024  # words and ids; photos come as files
NESTED_MOST = 32


class Parser(FlaskParser):
    """webargs with one more location: ``body`` is a multipart form (fields and files together) or a JSON object."""

    __location_map__ = {  # noqa: RUF012  # webargs has it so
        **FlaskParser.__location_map__,
        "body": "load_body",
    }
    DEFAULT_UNKNOWN_BY_LOCATION = {  # noqa: RUF012  # the same
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "body": None,
    }

    def load_json(self, req: Request, schema: Any) -> Any:
        """Give the JSON document, a small and flat one. Raises TooLarge, BadRequest, UnsupportedMediaType."""
        try:
            document = super().load_json(req, schema)
        except RecursionError:
            raise BadRequest(_TOO_DEEP) from None
        except ValueError as fault:  # what is no JSON was answered; this is a number of thousands of digits
            raise BadRequest("A number in the JSON has too many digits.") from fault
        if _is_deep(document):
            raise BadRequest(_TOO_DEEP)
        return document

    def _raw_load_json(self, req: Request) -> Any:
        """Read a body of JSON (RFC 8259), with or without a byte order mark; one without a Content-Type is JSON."""
        if not _has_body(req):
            return missing
        if req.mimetype and not req.is_json:
            raise UnsupportedMediaType(f"The Content-Type is {req.mimetype}. Send JSON, as application/json.")
        return parse_json(_read_body(req), encoding="utf-8-sig")

    def load_body(self, req: Request, schema: Any) -> Any:
        """Give fields and files of a form, or the JSON document."""
        if req.mimetype not in _FORMS:
            return self.load_json(req, schema)
        both: MultiDict[str, Any] = MultiDict(
            (name, value) for name, value in req.form.items(multi=True) if value != ""
        )
        both.update(req.files)
        return MultiDictProxy(both, schema)


_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
_TOO_DEEP = f"The JSON is nested more than {NESTED_MOST} deep."


def _has_body(req: Request) -> bool:
    """Tell whether a request says that a body comes with it (RFC 9112, 6.3)."""
    return bool(req.content_length) or bool(req.environ.get("wsgi.input_terminated"))


def _read_body(req: Request) -> bytes:
    """Read a JSON body, or no more of it than shows that it is too large. Raises TooLarge."""
    # One more than is taken: of a body that does not say its length Werkzeug gives the part below the limit.
    req.max_content_length = JSON_BYTES + 1
    try:
        body = req.get_data()
    except RequestEntityTooLarge:
        body = None
    if body is None or len(body) > JSON_BYTES:
        raise TooLarge(f"A JSON body has at most {JSON_BYTES // 1024} KB. Photos are sent as files.")
    return body


def _is_deep(document: Any) -> bool:
    """Say whether a document is nested so deeply that walking it could end this process's stack."""
    level = [document]
    for _ in range(NESTED_MOST):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return any(isinstance(each, dict | list) for each in level)


class Blueprint(flask_smorest.Blueprint):
    """A smorest Blueprint that knows the ``body`` location."""

    ARGUMENTS_PARSER = Parser()
    DEFAULT_LOCATION_CONTENT_TYPE_MAPPING: ClassVar[dict[str, str]] = {
        **flask_smorest.Blueprint.DEFAULT_LOCATION_CONTENT_TYPE_MAPPING,
        "body": "multipart/form-data",
    }


class Json(DefaultJSONProvider):
    """JSON as UTF-8 (RFC 8259, 8.1): Chinese takes half the bytes of its escapes and can be read."""

    ensure_ascii = False


class Api(flask_smorest.Api):
    """A smorest Api whose errors are problems."""

    ERROR_SCHEMA = ProblemSchema

    def _register_error_handlers(self) -> None:
        """Leave errors to app.api.problems."""

    def document(self) -> dict[str, Any]:
        """Give the OpenAPI document with its errors as they are sent and JSON beside each multipart body."""
        spec: APISpec = self.spec
        document: dict[str, Any] = spec.to_dict()
        for response in document.get("components", {}).get("responses", {}).values():
            _as_problem(response)
        for path in document["paths"].values():
            for operation in path.values():
                _mend(operation)
        return document


def _mend(operation: Any) -> None:
    if not isinstance(operation, dict):
        return
    for status, response in operation.get("responses", {}).items():
        if status == "default" or int(status) >= 400:  # noqa: PLR2004  # HTTP's own border of errors
            _as_problem(response)
    content = operation.get("requestBody", {}).get("content", {})
    if "multipart/form-data" in content:
        content["application/json"] = content["multipart/form-data"]


def _as_problem(response: dict[str, Any]) -> None:
    content = response.get("content", {})
    if "application/json" in content:
        content[MEDIA_TYPE] = content.pop("application/json")


def make_api(app: Flask) -> Api:
    """Make the Api of ``app``; its document is at /api/v1/openapi.json."""
    app.config.update(
        API_TITLE="suishoupai 随手拍",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        API_SPEC_OPTIONS={"info": {"description": DESCRIPTION}},
    )
    app.json = Json(app)
    api = Api(app)
    api.spec.components.security_scheme("staff", {"type": "http", "scheme": "bearer"})
    return api


def serve_document(app: Flask, api: Api) -> None:
    """Serve the OpenAPI document at /api/v1/openapi.json; call it after all blueprints."""
    app.extensions["openapi"] = document = api.document()

    @app.get("/api/v1/openapi.json")
    @public
    def openapi() -> Response:
        return jsonify(document)

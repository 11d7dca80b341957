"""The Api and Blueprint that all routes use: problem+json in the document, multipart and JSON in one argument."""

from __future__ import annotations

from typing import Any, ClassVar

import flask_smorest
from apispec import APISpec
from flask import Flask, Request, Response, jsonify
from webargs.flaskparser import FlaskParser
from webargs.multidictproxy import MultiDictProxy
from werkzeug.datastructures import MultiDict

from app.api.guard import public
from app.api.problems import MEDIA_TYPE, ProblemSchema


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

    def load_body(self, req: Request, schema: Any) -> Any:
        """Give fields and files of a form, or the JSON document."""
        if req.is_json:
            return self.load_json(req, schema)
        both: MultiDict[str, Any] = MultiDict(
            (name, value) for name, value in req.form.items(multi=True) if value != ""
        )
        both.update(req.files)
        return MultiDictProxy(both, schema)


class Blueprint(flask_smorest.Blueprint):
    """A smorest Blueprint that knows the ``body`` location."""

    ARGUMENTS_PARSER = Parser()
    DEFAULT_LOCATION_CONTENT_TYPE_MAPPING: ClassVar[dict[str, str]] = {
        **flask_smorest.Blueprint.DEFAULT_LOCATION_CONTENT_TYPE_MAPPING,
        "body": "multipart/form-data",
    }


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
    )
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

"""Photos in a request: files of a multipart form, or ids of photos uploaded before."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

from flask import current_app
from werkzeug.datastructures import FileStorage

from app.errors import Problem, Unprocessable


class SizeCheck(Protocol):
    """Refuse a file of too many bytes; ``create_app`` puts it into the extension ``check_upload``."""

    def __call__(self, *, name: str, index: int, size: int) -> None:
        """Raise a Problem for a size that is not taken."""
        ...


def read_uploads(values: Sequence[Any]) -> tuple[list[tuple[str, bytes]], list[UUID]]:
    """Split what a photos field brought into files (name, bytes) and ids. An empty file input of a form is nothing.

    No file is read into memory before the sizes of all were found right. Raises Unprocessable and what the check of
    sizes raises.
    """
    ids = [_read_id(value) for value in values if not isinstance(value, FileStorage)]
    files = _chosen(values)
    for index, file in enumerate(files):
        _check(index, file)
    return [(_name(file), file.read()) for file in files], ids


def read_each(values: Sequence[Any]) -> tuple[list[tuple[str, bytes]], Problem | None]:
    """Read those files that are not too large, and give the first refusal: a bad one must not cost the good ones."""
    files: list[tuple[str, bytes]] = []
    refusal = None
    for index, file in enumerate(_chosen(values)):
        try:
            _check(index, file)
            files.append((_name(file), file.read()))
        except Problem as problem:
            refusal = refusal or problem
    return files, refusal


def _chosen(values: Sequence[Any]) -> list[FileStorage]:
    return [value for value in values if isinstance(value, FileStorage) and (value.filename or _size(value))]


def _check(index: int, file: FileStorage) -> None:
    check: SizeCheck = current_app.extensions["check_upload"]
    check(name=_name(file), index=index, size=_size(file))


def _name(file: FileStorage) -> str:
    return file.filename or "photo"


def _size(file: FileStorage) -> int:
    """Give the bytes of a file that lies in memory or on disk, without reading it."""
    size = file.stream.seek(0, os.SEEK_END)
    file.stream.seek(0)
    return size


def _read_id(value: Any) -> UUID:
    try:
        return UUID(str(value))
    except ValueError:
        detail = "Send photos as files of a multipart form, or as ids of photos that were uploaded before."
        raise Unprocessable(detail, errors=[{"pointer": "/photos", "detail": detail}]) from None

"""Wire shapes of the lists."""

from __future__ import annotations

from marshmallow import Schema, fields


class NamesOut(Schema):
    """A thing of the city with its code and its names."""

    code = fields.String(required=True)
    name_zh = fields.String(required=True)
    name_en = fields.String(required=True)

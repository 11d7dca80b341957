"""Wire shapes of photos."""

from __future__ import annotations

from marshmallow import Schema, fields


class SignatureSchema(Schema):
    """What proves that a link to a rendition is ours. Without it the link is as wrong as with a wrong one."""

    sig = fields.String(load_default="", metadata={"description": "The signature, as it stands in the link"})

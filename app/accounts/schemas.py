"""Wire shapes of accounts."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from app.accounts.roles import STAFF_ROLES, Role, Scope, TokenKind
from app.api.fields import Text

NAME_LENGTH = 200
LOGIN_LENGTH = 254  # an e-mail address (RFC 5321)
SENT_PASSWORD_LENGTH = 1024
MACHINE_DAYS = 366
_NAME = validate.Length(1, NAME_LENGTH)


def _password() -> fields.String:
    """Give a field for a password: every character of it counts, blanks too."""
    return fields.String(
        required=True, validate=validate.Length(1, SENT_PASSWORD_LENGTH), metadata={"format": "password"}
    )


def _role(*, required: bool = False) -> fields.Enum[Role]:
    return fields.Enum(
        Role,
        by_value=True,
        required=required,
        validate=validate.OneOf(STAFF_ROLES, error="This role is nobody's account."),
        metadata={"enum": [role.value for role in STAFF_ROLES]},
    )


def _login() -> Text:
    return Text(
        allow_none=True,
        validate=validate.Length(1, LOGIN_LENGTH),
        metadata={"description": "Best the e-mail address: the single sign-on finds the account by it"},
    )


def _code(**options: Any) -> Text:
    return Text(validate=validate.Length(max=16), metadata={"description": "Six digits of the phone's app"}, **options)


class SignInIn(Schema):
    """What somebody signs in with."""

    login = Text(required=True, validate=validate.Length(1, LOGIN_LENGTH))
    password = _password()
    code = _code(load_default="")


class SignOnIn(Schema):
    """What the single sign-on sends back with the browser."""

    code = fields.String(load_default="", validate=validate.Length(max=4096))
    state = fields.String(load_default="", validate=validate.Length(max=4096))
    error = fields.String(load_default="", validate=validate.Length(max=200))

    class Meta:
        """Providers add words of their own."""

        unknown = "exclude"


class StaffOut(Schema):
    """An account."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    role = fields.Enum(Role, by_value=True, required=True)
    unit = fields.String(required=True, allow_none=True, metadata={"description": "Code, or * for any unit"})
    area = fields.String(required=True, allow_none=True)


class AccountOut(StaffOut):
    """An account as administrators see it."""

    machine = fields.Boolean(required=True)
    login = fields.String(required=True, allow_none=True)
    created_at = fields.AwareDateTime(required=True)
    disabled_at = fields.AwareDateTime(required=True, allow_none=True)
    locked_until = fields.AwareDateTime(required=True, allow_none=True)
    has_password = fields.Function(lambda staff: staff.password_hash is not None, metadata={"type": "boolean"})
    has_totp = fields.Function(lambda staff: staff.totp_confirmed_at is not None, metadata={"type": "boolean"})
    has_single_sign_on = fields.Function(lambda staff: staff.subject is not None, metadata={"type": "boolean"})


class MeOut(StaffOut):
    """Who a token is, and what it may be used for."""

    kind = fields.Enum(TokenKind, by_value=True, required=True, attribute="token_kind")
    scopes = fields.List(
        fields.String(), required=True, allow_none=True, metadata={"description": "null: all that the role may"}
    )


class SessionOut(Schema):
    """A new session. The token is shown this once."""

    token = fields.String(required=True)
    expires_at = fields.AwareDateTime(required=True)
    person = fields.Nested(StaffOut, required=True, attribute="staff")
    must_change_password = fields.Boolean(
        required=True, metadata={"description": "The password was a one-time one: PUT /api/v1/me/password comes first"}
    )


class NewPasswordIn(Schema):
    """One's own new password, and the one of before."""

    current = _password()
    password = _password()


class PasswordIn(Schema):
    """One's own password, to confirm who it is."""

    current = _password()


class TotpOut(Schema):
    """The secret of a second factor for the phone's app; shown this once."""

    secret = fields.String(required=True)
    uri = fields.String(required=True, metadata={"description": "otpauth URI, to be shown as a QR code"})


class CodeIn(Schema):
    """The code of this moment."""

    code = _code(required=True)


class TokenOut(Schema):
    """A token that can be used; never the token itself."""

    id = fields.UUID(required=True)
    kind = fields.Enum(TokenKind, by_value=True, required=True)
    label = fields.String(required=True)
    scopes = fields.List(fields.String(), required=True, allow_none=True)
    created_at = fields.AwareDateTime(required=True)
    last_used_at = fields.AwareDateTime(required=True, allow_none=True, metadata={"description": "To the minute"})
    expires_at = fields.AwareDateTime(required=True)


class StaffIn(Schema):
    """Which accounts, page by page."""

    machine = fields.Boolean(metadata={"description": "Only machine clients, or only people"})
    after = fields.UUID(metadata={"description": "Id of the last account of the page before"})


class NewStaffIn(Schema):
    """A new account."""

    name = Text(required=True, validate=_NAME)
    role = _role(required=True)
    unit = Text(required=True, validate=_NAME)
    area = Text(required=True, validate=_NAME)
    login = _login()


class StaffChangeIn(Schema):
    """What changes of an account; what is left out stays."""

    role = _role()
    unit = Text(validate=_NAME)
    area = Text(validate=_NAME)
    login = _login()
    disabled = fields.Boolean()

    @validates_schema
    def _something(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError("Name at least one thing to change.")


class OneTimeIn(Schema):
    """How a password is set for somebody."""

    forget_totp = fields.Boolean(load_default=False, metadata={"description": "Their phone is lost: ask no code"})


class OneTimeOut(Schema):
    """A password that works once, for three days; shown this once."""

    password = fields.String(required=True)
    expires_at = fields.AwareDateTime(required=True, attribute="one_time_until")


class NewMachineIn(Schema):
    """A new machine client and what its key is good for."""

    name = Text(required=True, validate=_NAME)
    role = _role(required=True)
    unit = Text(required=True, validate=_NAME)
    area = Text(required=True, validate=_NAME)
    scopes = fields.List(fields.Enum(Scope, by_value=True), required=True, validate=validate.Length(1, len(Scope)))
    days = fields.Integer(load_default=90, validate=validate.Range(1, MACHINE_DAYS))


class MachineKeyOut(Schema):
    """The key of a machine client; shown this once."""

    key = fields.String(required=True)
    expires_at = fields.AwareDateTime(required=True)
    machine = fields.Nested(StaffOut, required=True)

"""HTTP of accounts: sign in and out, one's own account, the accounts of others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Response, current_app, jsonify, redirect, request

from app.accounts import passwords, queries, schemas, service, sso
from app.accounts.errors import SignOnFailed, WrongCredentials, WrongPassword
from app.accounts.models import Staff, Token
from app.accounts.service import Person, Proof, SignedIn
from app.accounts.service.own import NewSecret, require_session
from app.api.blueprint import Blueprint
from app.api.guard import current_person, public, staff_only
from app.api.ratelimit import count_request
from app.catalogue.city import current_city
from app.db import Reading, Session, utcnow

blp = Blueprint("accounts", __name__, url_prefix="/api/v1", description="Signing in, and the accounts of staff")

SIGN_INS_PER_MINUTE = 20
SECRETS = {"Cache-Control": "no-store"}
COOKIE = "sign-on"
SSO_PATH = "/api/v1/session/oidc"


@blp.post("/session")
@public
@blp.arguments(schemas.SignInIn)
@blp.response(201, schemas.SessionOut)
def sign_in(new: dict[str, Any]) -> tuple[SignedIn, int, dict[str, str]]:
    """Sign in with login and password, and a code where one was set up

    Send the token that it answers as `Authorization: Bearer <token>`. Five failures lock an account for a quarter of
    an hour, further ones for longer.
    """
    _count_sign_in()
    with Reading() as session:
        claim = service.find_claim(session, new["login"])
    proof = service.prove(claim, new["password"])
    with Session.begin() as session:
        signed_in = service.sign_in(session, proof, code=new["code"], now=utcnow())
    if signed_in is None:
        raise WrongCredentials
    return signed_in, 201, SECRETS


@blp.delete("/session")
@staff_only(own=True)
@blp.response(204)
def sign_out() -> None:
    """Sign out: the token of this request works no more"""
    person: Person = current_person()
    with Session.begin() as session:
        service.revoke_token(session, person.token_id, staff_id=person.id, now=utcnow())


@blp.get("/session/oidc")
@public
@blp.response(302, description="To the single sign-on")
def begin_sign_on() -> Any:
    """Sign in by the city's single sign-on: sends the browser there"""
    _count_sign_in()
    sign_on = sso.begin(_callback())
    answer = redirect(sign_on.address)
    answer.headers["Cache-Control"] = "no-store"
    secure = current_app.config["PUBLIC_URL"].startswith("https:")
    answer.set_cookie(
        COOKIE,
        sign_on.cookie,
        max_age=sso.COOKIE_SECONDS,
        path=SSO_PATH,
        secure=secure,
        httponly=True,
        samesite="Lax",
    )
    return answer


@blp.get("/session/oidc/callback")
@public
@blp.arguments(schemas.SignOnIn, location="query")
@blp.response(200, schemas.SessionOut)
def finish_sign_on(back: dict[str, str]) -> Response:
    """Come back from the single sign-on; answers what signing in by password does"""
    _count_sign_in()
    if back["error"] or not back["code"]:
        raise SignOnFailed("The single sign-on let nobody in.")
    cookie = request.cookies.get(COOKIE, "")
    identity = sso.finish(_callback(), cookie=cookie, state=back["state"], code=back["code"], now=utcnow())
    with Session.begin() as session:
        signed_in = service.sign_on(session, identity, now=utcnow())
    answer = jsonify(schemas.SessionOut().dump(signed_in))
    answer.headers.update(SECRETS)
    answer.delete_cookie(COOKIE, path=SSO_PATH)
    return answer


@blp.get("/me")
@staff_only(own=True)
@blp.response(200, schemas.MeOut)
def me() -> Person:
    """Show who the token of this request is, and what it may be used for"""
    person: Person = current_person()
    return person


@blp.put("/me/password")
@staff_only(own=True)
@blp.arguments(schemas.NewPasswordIn)
@blp.response(204)
def change_password(new: dict[str, str]) -> None:
    """Change the own password; all other sessions end"""
    proof = _prove_oneself(new["current"])
    passwords.require_strong(new["password"], login=proof.claim.login, before=new["current"])
    hashed = passwords.hash_password(new["password"])
    with Session.begin() as session:
        done = service.change_password(session, proof, hashed, by=current_person(), now=utcnow())
    if not done:
        raise WrongPassword


@blp.post("/me/totp")
@staff_only(own=True)
@blp.response(201, schemas.TotpOut)
def begin_totp() -> tuple[NewSecret, int, dict[str, str]]:
    """Begin to set up a second factor: the secret for the phone's app

    It is asked once it is confirmed by a code (PUT).
    """
    require_session(current_person())
    with Session.begin() as session:
        secret = service.begin_totp(session, by=current_person())
    return secret, 201, SECRETS


@blp.put("/me/totp")
@staff_only(own=True)
@blp.arguments(schemas.CodeIn)
@blp.response(204)
def confirm_totp(new: dict[str, str]) -> None:
    """Confirm the second factor by a code; from now on every sign-in asks for one"""
    _count_sign_in()
    require_session(current_person())
    with Session.begin() as session:
        service.confirm_totp(session, new["code"], by=current_person(), now=utcnow())


@blp.delete("/me/totp")
@staff_only(own=True)
@blp.arguments(schemas.PasswordIn)
@blp.response(204)
def remove_totp(confirmed: dict[str, str]) -> None:
    """Remove the second factor; takes the password"""
    proof = _prove_oneself(confirmed["current"])
    with Session.begin() as session:
        done = service.remove_totp(session, proof, now=utcnow())
    if not done:
        raise WrongPassword


@blp.get("/tokens")
@staff_only
@blp.response(200, schemas.TokenOut(many=True))
def own_tokens() -> Sequence[Token]:
    """List the own tokens that can be used"""
    with Reading() as session:
        return queries.list_tokens(session, current_person().id, now=utcnow())


@blp.delete("/tokens/<uuid:token_id>")
@staff_only(own=True)
@blp.response(204)
def revoke_own_token(token_id: UUID) -> None:
    """Revoke a token of one's own"""
    require_session(current_person())
    with Session.begin() as session:
        service.revoke_token(session, token_id, staff_id=current_person().id, now=utcnow())


@blp.get("/staff")
@staff_only(roles=("admin", "auditor"))
@blp.arguments(schemas.StaffIn, location="query")
@blp.response(200, schemas.AccountOut(many=True))
def staff(wanted: dict[str, Any]) -> Sequence[Staff]:
    """List the accounts of one's unit and area, a hundred at a time"""
    with Reading() as session:
        return queries.list_staff(session, by=current_person(), city=current_city(session), **wanted)


@blp.post("/staff")
@staff_only(roles=("admin",), scope="manage")
@blp.arguments(schemas.NewStaffIn)
@blp.response(201, schemas.AccountOut)
def add_staff(new: dict[str, Any]) -> Staff:
    """Add somebody; they get in by a one-time password or by the single sign-on"""
    with Session.begin() as session:
        return service.add_staff(session, **new, by=current_person(), now=utcnow())


@blp.patch("/staff/<uuid:staff_id>")
@staff_only(roles=("admin",), scope="manage")
@blp.arguments(schemas.StaffChangeIn)
@blp.response(200, schemas.AccountOut)
def change_staff(new: dict[str, Any], staff_id: UUID) -> Staff:
    """Change role, unit, area or login of an account, or disable it"""
    with Session.begin() as session:
        return service.change_staff(session, staff_id, **new, by=current_person(), now=utcnow())


@blp.post("/staff/<uuid:staff_id>/password")
@staff_only(roles=("admin",), scope="manage")
@blp.arguments(schemas.OneTimeIn)
@blp.response(201, schemas.OneTimeOut)
def give_password(how: dict[str, bool], staff_id: UUID) -> tuple[Any, int, dict[str, str]]:
    """Draw a one-time password for somebody: it opens nothing but the change to an own one, for three days

    All their tokens are revoked.
    """
    password = passwords.one_time_password()
    hashed = passwords.hash_password(password)
    with Session.begin() as session:
        person = service.managed_staff(session, staff_id, by=current_person(), change=True)
        service.set_password(session, person, hashed, one_time=True, now=utcnow(), **how)
    return {"password": password, "one_time_until": person.one_time_until}, 201, SECRETS


@blp.get("/staff/<uuid:staff_id>/tokens")
@staff_only(roles=("admin", "auditor"))
@blp.response(200, schemas.TokenOut(many=True))
def tokens_of(staff_id: UUID) -> Sequence[Token]:
    """List the tokens of an account that can be used"""
    with Reading() as session:
        person = service.managed_staff(session, staff_id, by=current_person())
        return queries.list_tokens(session, person.id, now=utcnow())


@blp.delete("/staff/<uuid:staff_id>/tokens/<uuid:token_id>")
@staff_only(roles=("admin",), scope="manage")
@blp.response(204)
def revoke_token(staff_id: UUID, token_id: UUID) -> None:
    """Revoke a token of an account"""
    with Session.begin() as session:
        person = service.managed_staff(session, staff_id, by=current_person())
        service.revoke_token(session, token_id, staff_id=person.id, now=utcnow())


@blp.post("/machine-keys")
@staff_only(roles=("admin",), scope="manage")
@blp.arguments(schemas.NewMachineIn)
@blp.response(201, schemas.MachineKeyOut)
def add_machine(new: dict[str, Any]) -> tuple[Any, int, dict[str, str]]:
    """Add a machine client and issue its key; GET /staff?machine=true lists them"""
    key = {"scopes": new.pop("scopes"), "days": new.pop("days")}
    now = utcnow()
    with Session.begin() as session:
        machine = service.add_staff(session, **new, machine=True, by=current_person(), now=now)
        token = service.issue_token(session, machine, label="key", now=now, **key)
    expires_at = now + dt.timedelta(days=key["days"])
    return {"key": token, "expires_at": expires_at, "machine": machine}, 201, SECRETS


def _count_sign_in() -> None:
    count_request(SIGN_INS_PER_MINUTE, purpose="sign-in ")


def _prove_oneself(password: str) -> Proof:
    """Check the password of who is signed in; slow, and counted as a sign-in is."""
    _count_sign_in()
    person: Person = current_person()
    require_session(person)
    with Reading() as session:
        claim = service.claim_of(session, person.id)
    return service.prove(claim, password)


def _callback() -> str:
    return f"{current_app.config['PUBLIC_URL']}{SSO_PATH}/callback"

"""Single sign-on: OpenID Connect Core 1.0, authorization code flow with PKCE (RFC 7636), through Authlib.

Everything here that talks to the provider is slow and may fail: never inside a transaction. State, nonce and verifier
of a sign-on travel in a cookie that only this service can read and write; nothing is kept in between.
"""

from __future__ import annotations

import datetime as dt
import hmac
import json
import logging
import secrets
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from requests import RequestException

from app.accounts import keys
from app.accounts.errors import NoSingleSignOn, ProviderUnavailable, SignOnFailed
from app.accounts.service import Identity
from app.config import LOOPBACK

log = logging.getLogger(__name__)

DISCOVERY = "/.well-known/openid-configuration"
WANTED = "openid email profile"
TIMEOUT_SECONDS = (3.0, 5.0)  # to connect, to answer
KEPT_SECONDS = 3600.0
KEYS_KEPT_AT_LEAST_SECONDS = 60.0  # a token that names an unknown key makes us ask again, but not more often
COOKIE_SECONDS = 600  # for a password, a code, and a look for the phone
LEEWAY_SECONDS = 60
# Signatures by a key that only the provider has: for HS256 our own secret would do, for `none` nothing.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")


@dataclass(frozen=True, slots=True)
class SignOn:
    """A sign-on that began: where the browser goes, and what its cookie holds."""

    address: str
    cookie: str


_kept: dict[str, tuple[float, dict[str, Any]]] = {}


def begin(callback: str) -> SignOn:
    """Begin a sign-on that comes back to ``callback``. Raises NoSingleSignOn or ProviderUnavailable."""
    provider = _discover()
    secret = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
    client = _client(callback)
    address, _ = client.create_authorization_url(
        _safe(provider["authorization_endpoint"]),
        state=secret["state"],
        nonce=secret["nonce"],
        code_verifier=secret["verifier"],
    )
    return SignOn(address, keys.current().sign_on.encrypt(json.dumps(secret).encode()).decode())


def finish(callback: str, *, cookie: str, state: str, code: str, now: dt.datetime) -> Identity:
    """Exchange the code that came back and tell who it is. Raises SignOnFailed or ProviderUnavailable."""
    secret = _open_cookie(cookie)
    if not hmac.compare_digest(secret["state"].encode(), state.encode(errors="replace")):
        raise SignOnFailed("This is not the sign-on that began in this browser.")
    provider = _discover()
    tokens = _exchange(callback, provider, code, secret["verifier"])
    claims = _read_id_token(provider, tokens, nonce=secret["nonce"], now=now)
    email = claims.get("email") if claims.get("email_verified") is True else None
    return Identity(provider["issuer"], str(claims["sub"]), email if isinstance(email, str) else None)


def _open_cookie(cookie: str) -> dict[str, str]:
    try:
        secret: dict[str, str] = json.loads(keys.current().sign_on.decrypt(cookie.encode(), ttl=COOKIE_SECONDS))
    except keys.InvalidToken as error:
        raise SignOnFailed("No sign-on began in this browser in the last ten minutes.") from error
    return secret


def _client(callback: str) -> Any:
    settings = keys.current().settings
    return OAuth2Session(
        settings.oidc_client_id,
        settings.oidc_client_secret or None,
        scope=WANTED,
        redirect_uri=callback,
        code_challenge_method="S256",
        default_timeout=TIMEOUT_SECONDS,
    )


def _discover() -> dict[str, Any]:
    """Give the provider's description. Its issuer must be the one of the settings (OpenID Connect Discovery, 4.3)."""
    issuer = keys.current().settings.oidc_issuer
    if not issuer:
        raise NoSingleSignOn
    provider = _fetch(issuer.rstrip("/") + DISCOVERY, at_most=KEPT_SECONDS)
    endpoints = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    if provider.get("issuer") != issuer or not all(isinstance(provider.get(name), str) for name in endpoints):
        log.error("single sign-on describes itself as another one, or not wholly")
        raise ProviderUnavailable
    return provider


def _fetch(url: str, *, at_most: float) -> dict[str, Any]:
    """Give a JSON object of the provider, not older than ``at_most`` seconds."""
    known = _kept.get(url)
    if known is not None and time.monotonic() - known[0] < at_most:
        return known[1]
    try:
        answer = _client("").get(_safe(url), withhold_token=True, allow_redirects=False)
        answer.raise_for_status()
        document = answer.json()
    except (RequestException, ValueError) as error:
        log.warning("single sign-on does not answer", extra={"cause": type(error).__name__})
        raise ProviderUnavailable from error
    if not isinstance(document, dict):
        raise ProviderUnavailable
    _kept[url] = (time.monotonic(), document)
    return document


def _safe(url: str) -> str:
    """Give an address back that nobody on the way can read: https, or http to this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK):
        return url
    log.error("single sign-on has an address without https")
    raise ProviderUnavailable


def _exchange(callback: str, provider: dict[str, Any], code: str, verifier: str) -> dict[str, Any]:
    try:
        tokens: dict[str, Any] = _client(callback).fetch_token(
            _safe(provider["token_endpoint"]),
            code=code,
            code_verifier=verifier,
            grant_type="authorization_code",
            allow_redirects=False,
        )
    except RequestException as error:
        log.warning("single sign-on does not answer", extra={"cause": type(error).__name__})
        raise ProviderUnavailable from error
    except AuthlibBaseError as error:
        log.warning("single sign-on refused a code", extra={"cause": str(error.error)})
        raise SignOnFailed("The single sign-on did not accept what it had given.") from error
    return tokens


def _read_id_token(provider: dict[str, Any], tokens: dict[str, Any], *, nonce: str, now: dt.datetime) -> dict[str, Any]:
    """Check an ID token as OpenID Connect Core 1.0, 3.1.3.7, has it: signature, issuer, audience, times, nonce."""
    client_id = keys.current().settings.oidc_client_id
    try:
        token = _verify(provider, str(tokens.get("id_token", "")))
        claims: dict[str, Any] = CodeIDToken(
            token.claims,
            token.header,
            options={
                "iss": {"essential": True, "value": provider["issuer"]},
                "aud": {"essential": True, "value": client_id},
            },
            params={"nonce": nonce, "client_id": client_id, "access_token": tokens.get("access_token")},
        )
        claims.validate(int(now.timestamp()), LEEWAY_SECONDS)  # type: ignore[attr-defined]  # Authlib left it untyped
    except (JoseError, ValueError) as error:
        log.warning("single sign-on sent a token that does not hold", extra={"cause": str(error)})
        raise SignOnFailed("What the single sign-on said cannot be relied on.") from error
    return claims


def _verify(provider: dict[str, Any], token: str) -> jwt.Token:
    """Check the signature; a key that is not known may be a new one of the provider's."""
    url = provider["jwks_uri"]
    try:
        return jwt.decode(token, KeySet.import_key_set(_key_set(url, KEPT_SECONDS)), algorithms=ALGORITHMS)
    except InvalidKeyIdError:
        return jwt.decode(
            token, KeySet.import_key_set(_key_set(url, KEYS_KEPT_AT_LEAST_SECONDS)), algorithms=ALGORITHMS
        )


def _key_set(url: str, at_most: float) -> Any:
    document = _fetch(url, at_most=at_most)
    if not isinstance(document.get("keys"), list):
        raise ProviderUnavailable
    return document

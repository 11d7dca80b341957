"""What accounts refuse."""

from __future__ import annotations

from app.errors import BadRequest, Conflict, Forbidden, NotFound, Unauthorized, Unavailable, Unprocessable

WAIT = "After five failures nobody gets in for a quarter of an hour, and longer after more."


class WrongCredentials(Unauthorized):
    """Login, password or code is wrong, or there were too many failures: which of them is not said."""

    title = "Not signed in"

    def __init__(self) -> None:
        super().__init__(f"Login, password or code is not right; some accounts need a code. {WAIT}")
        self.headers["WWW-Authenticate"] = 'Bearer realm="staff"'


class WrongPassword(Unprocessable):
    """The password that was to be confirmed is not the person's, or there were too many failures."""

    title = "Not your password"

    def __init__(self) -> None:
        detail = f"This is not your password. {WAIT}"
        super().__init__(detail, errors=[{"pointer": "/current", "detail": detail}])


class WeakPassword(Unprocessable):
    """The password can be guessed."""

    title = "Too weak a password"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, errors=[{"pointer": "/password", "detail": detail}])


class WrongCode(Unprocessable):
    """The code is not the one of this moment, or was used."""

    title = "Not the code of this moment"

    def __init__(self) -> None:
        detail = "This code is not right. Look at the clock of the phone, wait for the next code and send that."
        super().__init__(detail, errors=[{"pointer": "/code", "detail": detail}])


class SessionOnly(Forbidden):
    """Only who signed in may do this, not who holds a token of another kind."""

    title = "Sign in for this"

    def __init__(self) -> None:
        super().__init__("This takes a session: POST /api/v1/session with login and password, and use its token.")


class NotOneself(Forbidden):
    """Nobody changes their own account."""

    title = "Somebody else must do this"

    def __init__(self) -> None:
        super().__init__("Nobody changes their own account; ask another administrator.")


class OutsideYourScope(Forbidden):
    """An administrator gave a unit or an area that is not theirs to give."""

    title = "Not yours to give"

    def __init__(self) -> None:
        super().__init__("You look after the accounts of your own unit and area only.")


class NoSuchPerson(NotFound):
    """No account of this name or id, or none that the person may know of."""

    title = "There is no such account here"

    def __init__(self, name: str = "") -> None:
        super().__init__(f"There is no account named {name!r}." if name else "No account of this id is in your scope.")


class NoSuchToken(NotFound):
    """No token of this id, or none that the person may know of."""

    title = "There is no such token here"

    def __init__(self) -> None:
        super().__init__("There is no token of this id, or it is not yours.")


class NameTaken(Conflict):
    """Another account has this name."""

    title = "The name is taken"

    def __init__(self) -> None:
        super().__init__("Another account has this name; add something that tells the two apart.")


class LoginTaken(Conflict):
    """Another account has this login."""

    title = "The login is taken"

    def __init__(self) -> None:
        super().__init__("Another account has this login.")


class NoPassword(Conflict):
    """The account has no password, so that there is nothing to which a code could be added."""

    title = "There is no password"

    def __init__(
        self, detail: str = "This account has no password: it signs in by single sign-on or by token."
    ) -> None:
        super().__init__(detail)


class CodeInUse(Conflict):
    """A code is asked at every sign-in already."""

    title = "A code is asked already"

    def __init__(self) -> None:
        super().__init__("A second factor is set up. DELETE /api/v1/me/totp removes it.")


class NoCodeBegun(Conflict):
    """There is no second factor that could be confirmed."""

    title = "Nothing to confirm"

    def __init__(self) -> None:
        super().__init__("POST /api/v1/me/totp first: it gives the secret for the phone.")


class UnknownArea(Unprocessable):
    """The code names no area of the city."""

    title = "There is no such area"

    def __init__(self, code: str) -> None:
        detail = f"The city has no area {code!r}. Take a code of its areas, or the city's own."
        super().__init__(detail, errors=[{"pointer": "/area", "detail": detail}])


class NoSingleSignOn(NotFound):
    """Single sign-on is not set up."""

    title = "No single sign-on here"

    def __init__(self) -> None:
        super().__init__("Single sign-on is not set up here (OIDC_ISSUER). Sign in with login and password.")


class SignOnFailed(BadRequest):
    """What came back from the single sign-on is not what was asked for."""

    title = "The single sign-on failed"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} Begin again at /api/v1/session/oidc.")


class NotOneOfUs(Forbidden):
    """The single sign-on knows them, the city's accounts do not."""

    title = "Nobody here has this account"

    def __init__(self) -> None:
        super().__init__(
            "The single sign-on knows you, but no account here that may be used belongs to you. "
            "Ask an administrator for one with your e-mail address as its login."
        )


class ProviderUnavailable(Unavailable):
    """The single sign-on does not answer, or not as OpenID Connect wants it."""

    title = "The single sign-on does not answer"

    def __init__(self) -> None:
        super().__init__("The single sign-on does not answer as it should. Try again in a while.")
        self.headers["Retry-After"] = "30"

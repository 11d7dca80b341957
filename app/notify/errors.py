"""What telling people refuses."""

from __future__ import annotations

from app.errors import Conflict, Forbidden, NotFound, TooMany, Unauthorized, Unprocessable


class UnusableContact(Unprocessable):
    """The contact is neither an e-mail address nor a phone number that could be reached."""

    title = "The contact cannot be used"

    def __init__(self, detail: str = "") -> None:
        detail = detail or (
            "Send an e-mail address (name@example.org) or a phone number with country code (+86 138 0013 8000)."
        )
        super().__init__(detail, errors=[{"pointer": "/contact", "detail": detail}])


class NoSuchLink(NotFound):
    """The link was not made by us, or what it was for is gone."""

    title = "No such link"

    def __init__(self) -> None:
        super().__init__("The link is not complete, or what it was for has ended. Open it from the message again.")


class CodeRefused(Unprocessable):
    """The six digits are not those that were sent, or they are too old."""

    title = "Wrong code"

    def __init__(self) -> None:
        detail = "Send the six digits of the last message, within a day and five tries, or open the link in it."
        super().__init__(detail, errors=[{"pointer": "/code", "detail": detail}])


class AskedEnough(TooMany):
    """The question went out a moment ago, or three times today."""

    title = "Asked a moment ago"

    def __init__(self) -> None:
        super().__init__("A message is on its way. Look into the folder for junk; it can be sent again in ten minutes.")


class StillOpen(Conflict):
    """The delivery is on its way by itself."""

    title = "On its way already"

    def __init__(self) -> None:
        super().__init__("It is queued or being sent; wait until it went or was given up.")


class ContactEnded(Conflict):
    """Nothing may be sent to the contact any more."""

    title = "Nothing goes there any more"

    def __init__(self) -> None:
        super().__init__("Its owner ended it, it refuses for good, or it was erased. Ask the reporter for another one.")


class NothingToFollow(Unprocessable):
    """There is no such work order or area, or it is not for everybody."""

    title = "Nothing to follow"

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(detail, errors=[{"pointer": pointer, "detail": detail}])


class UnusablePush(Unprocessable):
    """What was sent is no push subscription of a browser."""

    title = "The push subscription cannot be used"

    def __init__(self, fault: str) -> None:
        detail = f"{fault} Send what JSON.stringify makes of the browser's PushSubscription."
        super().__init__(detail, errors=[{"pointer": "/contact", "detail": detail}])


class NotSigned(Unauthorized):
    """What a gateway reports is not signed, or not with the secret that we share."""

    title = "The signature does not hold"

    def __init__(self) -> None:
        super().__init__(
            "Sign as docs/gateway.md says: webhook-id, webhook-timestamp of the last five minutes, webhook-signature."
        )


class NoSuchDelivery(NotFound):
    """There is no such delivery in the person's scope, or no gateway was given it."""

    title = "There is no such delivery"

    def __init__(self) -> None:
        super().__init__("There is no delivery of this id that you may know of.")


class NotForWebhooks(Forbidden):
    """Webhooks are for machine clients and administrators."""

    title = "Webhooks are not yours to keep"

    def __init__(self) -> None:
        super().__init__("Use the key of a machine client, or an administrator's session.")


class NoSuchWebhook(NotFound):
    """No webhook of this id, or none that the person may know of."""

    title = "There is no such webhook here"

    def __init__(self) -> None:
        super().__init__("You have no webhook of this id.")


class UnusableWebhook(Unprocessable):
    """Requests may not go to the address of a webhook."""

    title = "The address cannot be used"

    def __init__(self, fault: str) -> None:
        super().__init__(fault, errors=[{"pointer": "/url", "detail": fault}])


class TooManyWebhooks(Conflict):
    """One account has as many webhooks as it may have."""

    title = "Too many webhooks"

    def __init__(self, most: int) -> None:
        super().__init__(f"An account has at most {most} webhooks. Delete one, or let one hear of more.")

"""Delivery reports: what a gateway says later of a message that it took."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum
from uuid import UUID

from sqlalchemy.orm import Session

from app.notify.channels import Answer
from app.notify.errors import NoSuchDelivery, NotSigned
from app.notify.keys import unseal
from app.notify.models import ChannelKind, Contact, Delivery, DeliveryState
from app.notify.signing import verify

# From where a report may move a delivery. One is queued again where nobody knew whether it went: now it is known.
_OPEN = (DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.HELD, DeliveryState.SENT)
_GATEWAYS = (ChannelKind.SMS, ChannelKind.WECHAT)


class Receipt(StrEnum):
    """What became of a message."""

    DELIVERED = "delivered"
    FAILED = "failed"


def check_signature(body: bytes, headers: Mapping[str, str], *, secret: str, now: dt.datetime) -> None:
    """Check that a report comes from the gateway. Raises NotSigned, also where no secret is set."""
    if not secret or not verify(body, headers, secret=secret, now=now):
        raise NotSigned


def record_receipt(session: Session, delivery_id: UUID, state: Receipt, answer: str, at: dt.datetime) -> Delivery:
    """Write down whether a message arrived. A second report, or one after the end, changes nothing.

    Raises NoSuchDelivery where no gateway was given one of this id.
    """
    delivery = session.get(Delivery, delivery_id, with_for_update=True, populate_existing=True)
    contact = session.get(Contact, delivery.contact_id) if delivery else None
    if delivery is None or contact is None or contact.channel not in _GATEWAYS or not delivery.tries:
        raise NoSuchDelivery
    if delivery.state in _OPEN:
        delivery.state, delivery.next_at = DeliveryState(state.value), None
        delivery.sent_at = delivery.sent_at or at
        delivery.last_answer = Answer(answer).without(_address(contact)) or delivery.last_answer
    return delivery


def _address(contact: Contact) -> str:
    return unseal(contact.address) if contact.address else ""

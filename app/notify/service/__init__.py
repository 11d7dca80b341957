"""Verbs of telling people, one matter a file."""

from __future__ import annotations

from app.notify.contacts import parse_contact
from app.notify.keys import tracking_hash, tracking_secret, tracking_url
from app.notify.models import ChannelKind, Pace
from app.notify.service.contacts import (
    ask_again,
    confirm,
    confirm_by_code,
    end_contact,
    forget,
    give_up_unconfirmed,
    know_contact,
)
from app.notify.service.fan_out import TOLD, events_with_listeners, fan_out
from app.notify.service.subscriptions import (
    end_for,
    end_subscription,
    follow,
    follow_topic,
    followers_of,
    move_reporters,
    move_subscriptions,
    return_subscriptions,
    subscribe,
)

__all__ = [
    "TOLD",
    "ChannelKind",
    "Pace",
    "ask_again",
    "confirm",
    "confirm_by_code",
    "end_contact",
    "end_for",
    "end_subscription",
    "events_with_listeners",
    "fan_out",
    "follow",
    "follow_topic",
    "followers_of",
    "forget",
    "give_up_unconfirmed",
    "know_contact",
    "move_reporters",
    "move_subscriptions",
    "parse_contact",
    "return_subscriptions",
    "subscribe",
    "tracking_hash",
    "tracking_secret",
    "tracking_url",
]

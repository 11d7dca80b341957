"""Which channel sends what: the choice that the settings make."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from app.notify.channels import Channel
from app.notify.keys import current
from app.notify.mail import FolderMail, SmtpMail
from app.notify.models import ChannelKind


def senders() -> Mapping[ChannelKind, Channel]:
    """Give the channels that can send. A kind that is missing keeps its subscriptions and sends nothing yet."""
    settings = current().settings
    host = urlsplit(settings.public_url).hostname or "localhost"
    if settings.smtp_url:
        return {ChannelKind.EMAIL: SmtpMail(settings.smtp_url, settings.mail_from, host)}
    return {ChannelKind.EMAIL: FolderMail(settings.mail_root, settings.mail_from, host)}

"""Which channel sends what: the choice that the settings make."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from app.config import FOLDER, Settings
from app.notify.channels import Channel
from app.notify.gateway import FolderGateway, HttpGateway
from app.notify.keys import current
from app.notify.mail import FolderMail, SmtpMail
from app.notify.models import ChannelKind
from app.notify.outbound import Outbound
from app.notify.push import WebPush, vapid_key


def senders() -> Mapping[ChannelKind, Channel]:
    """Give the channels that can send. A kind that is missing keeps its subscriptions and sends nothing yet."""
    settings = current().settings
    gateways = {ChannelKind.SMS: settings.sms_gateway_url, ChannelKind.WECHAT: settings.wechat_gateway_url}
    return {
        ChannelKind.EMAIL: _mail(settings),
        ChannelKind.PUSH: WebPush(vapid_key(settings), settings.mail_from, way_out(settings)),
        **{kind: _gateway(kind, url, settings) for kind, url in gateways.items() if url},
    }


def way_out(settings: Settings) -> Outbound:
    """Give the way to addresses that users gave."""
    return Outbound(loopback=settings.outbound_loopback)


def _mail(settings: Settings) -> Channel:
    host = urlsplit(settings.public_url).hostname or "localhost"
    if settings.smtp_url:
        return SmtpMail(settings.smtp_url, settings.mail_from, host)
    return FolderMail(settings.mail_root, settings.mail_from, host)


def _gateway(kind: ChannelKind, url: str, settings: Settings) -> Channel:
    if url == FOLDER:
        return FolderGateway(kind, settings.mail_root)
    return HttpGateway(kind, url, settings.gateway_secret)

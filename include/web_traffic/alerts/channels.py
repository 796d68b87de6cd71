"""The ways to people: mail, and whatever Apprise knows."""

import hashlib
import smtplib
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from web_traffic.alerts.message import Message
from web_traffic.alerts.settings import AlertSettings
from web_traffic.errors import ChannelDown

TIMEOUT_SECONDS = 10


class Channel(Protocol):
    """One way to people."""

    @property
    def name(self) -> str:
        """A name without secrets, which stays the same from start to start."""

    def send(self, message: Message) -> None:
        """Hand over a message; raises `ChannelDown`."""


class Mail:
    """A mail to all recipients, through an SMTP server."""

    name = "mail"

    def __init__(self, smtp_url: str, sender: str, recipients: tuple[str, ...]) -> None:
        self._url = urlsplit(smtp_url)
        self._sender = sender
        self._recipients = recipients

    def send(self, message: Message) -> None:
        """Send it to all recipients that the server accepts; raises `ChannelDown` if it accepts none."""
        try:
            with _session(self._url) as session:
                session.send_message(self._mail(message))
        except (OSError, smtplib.SMTPException) as error:
            raise ChannelDown(f"mail through {self._url.hostname}:{self._url.port}: {error}") from error

    def _mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["From"], mail["To"] = self._sender, ", ".join(self._recipients)
        mail["Subject"], mail["Message-ID"] = message.subject, message.id
        mail["Date"] = format_datetime(datetime.now(UTC))
        mail["Auto-Submitted"] = "auto-generated"
        if message.answers:
            mail["In-Reply-To"] = mail["References"] = message.answers
        mail.set_content(message.body)
        return mail


class Apprise:
    """Any service that Apprise has a URL for, such as Slack, Teams, PagerDuty or a webhook."""

    def __init__(self, url: str) -> None:
        self._url = url
        service = urlsplit(url).scheme
        self.name = f"{service}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"

    def send(self, message: Message) -> None:
        """Send it; Apprise says only whether that worked."""
        try:
            import apprise  # a heavy import, needed only here
        except ModuleNotFoundError:
            raise ChannelDown(f"{self.name}: ALERT_URLS needs the package apprise: install it") from None

        service = apprise.Apprise()
        if not service.add(self._url):
            raise ChannelDown(f"{self.name}: Apprise does not know this kind of URL: correct it in ALERT_URLS")
        kind = apprise.NotifyType.SUCCESS if message.is_good_news else apprise.NotifyType.FAILURE
        if not service.notify(message.body, message.subject, kind, body_format=apprise.NotifyFormat.TEXT):
            raise ChannelDown(f"{self.name}: the service did not take the message")


def channels(settings: AlertSettings) -> list[Channel]:
    """Return the channels that are set up; there may be none."""
    found: list[Channel] = [Apprise(url) for url in settings.urls]
    if settings.smtp_url and settings.recipients:
        found.insert(0, Mail(settings.smtp_url, settings.sender, settings.recipients))
    return found


def _session(url: SplitResult) -> smtplib.SMTP:
    host, port = url.hostname or "", url.port or 0
    if url.scheme == "smtps":
        session: smtplib.SMTP = smtplib.SMTP_SSL(
            host, port, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context()
        )
    else:
        session = smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS)
    if url.scheme == "smtp+starttls":
        session.starttls(context=ssl.create_default_context())
    if url.username:
        session.login(unquote(url.username), unquote(url.password or ""))
    return session

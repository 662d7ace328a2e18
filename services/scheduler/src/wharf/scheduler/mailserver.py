"""A session with the mail server: opened for the first mail, and again where the server has ended it."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from enum import StrEnum
from urllib.parse import SplitResult, unquote, urlsplit

from wharf.common.errors import Permanent, Transient

PATIENCE_SECONDS = 30.0
READY = 220
LASTING = 500
"""SMTP codes from here on say that trying again cannot help."""
PORTS = {"smtp": 587, "smtps": 465}
AWAY = "The mail server could not be reached, or sent the message away for now. Look at WHARF_SMTP_URL if this lasts."
REFUSED = (
    "The mail server refused the message. Who runs this installation has to look at WHARF_SMTP_URL and WHARF_MAIL_FROM."
)


class Outcome(StrEnum):
    """What became of one mail."""

    SENT = "sent"
    REFUSED = "refused"
    """The server wants none for this address."""
    LATER = "later"
    """Not now."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one mail, and the SMTP code of a refusal."""

    outcome: Outcome
    code: int | None = None


@dataclass
class MailServer:
    """`smtps://` is encrypted at once, `smtp://` where the server offers it, and with a password always."""

    url: str
    _smtp: smtplib.SMTP | None = field(default=None, init=False)

    def send(self, mail: EmailMessage, address: str) -> Answer:
        """One mail to one address.

        Raises `Transient` where the server is away, and `Permanent` where it wants nothing from this sender at all.
        """
        with _in_our_words():
            try:
                self._session().send_message(mail, to_addrs=[address])
            except smtplib.SMTPRecipientsRefused as error:
                return _refusal(error.recipients[address][0])
            except smtplib.SMTPDataError as error:
                return _refusal(error.smtp_code)
        return Answer(Outcome.SENT)

    def interrupt(self) -> None:
        """End what another thread waits for. Where the connection is only being made that one goes on waiting."""
        sock = self._smtp.sock if self._smtp else None
        if sock is not None:
            with suppress(OSError):
                # Not the TLS socket's own: it would take the encryption away while the other thread uses it.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def close(self) -> None:
        """Say goodbye, if that is possible."""
        if self._smtp is not None and self._smtp.sock is not None:
            with suppress(smtplib.SMTPException, OSError):
                self._smtp.quit()
            self._smtp.close()

    def _session(self) -> smtplib.SMTP:
        if self._smtp is None or self._smtp.sock is None:
            parts, context = urlsplit(self.url), ssl.create_default_context()
            self._smtp = _made(parts, context)
            _open(self._smtp, parts, context)
        return self._smtp


def _made(parts: SplitResult, context: ssl.SSLContext) -> smtplib.SMTP:
    """Not yet connected: the constructor would do so before anybody else knows of it, who could interrupt it."""
    if parts.scheme == "smtps":
        made: smtplib.SMTP = smtplib.SMTP_SSL(timeout=PATIENCE_SECONDS, context=context)
    else:
        made = smtplib.SMTP(timeout=PATIENCE_SECONDS)
    made._host = parts.hostname or ""  # type: ignore[attr-defined]  # noqa: SLF001 - the certificate's; only the constructor sets it
    return made


def _open(smtp: smtplib.SMTP, parts: SplitResult, context: ssl.SSLContext) -> None:
    code, said = smtp.connect(parts.hostname or "", parts.port or PORTS[parts.scheme])
    if code != READY:
        raise smtplib.SMTPConnectError(code, said)
    smtp.ehlo()
    if parts.scheme == "smtp" and (smtp.has_extn("starttls") or parts.username):
        smtp.starttls(context=context)
    if parts.username:
        smtp.login(unquote(parts.username), unquote(parts.password or ""))


def _refusal(code: int) -> Answer:
    return Answer(Outcome.REFUSED if code >= LASTING else Outcome.LATER, code)


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except smtplib.SMTPResponseException as error:
        if error.smtp_code >= LASTING:
            raise Permanent(REFUSED, code="mail_refused", detail={"smtp_code": error.smtp_code}) from error
        raise Transient(AWAY, code="mail_server_away") from error
    except (smtplib.SMTPException, OSError) as error:
        raise Transient(AWAY, code="mail_server_away") from error

"""The job that mails a report: its files attached where they are small enough, otherwise told where they are."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

from sqlalchemy import select

from wharf.common.errors import Permanent, Transient
from wharf.common.jobs.control import find
from wharf.common.jobs.kinds import MailPayload
from wharf.common.jobs.states import ENDED, Status
from wharf.common.jobs.view import JobView
from wharf.common.ledger.models import ReportRecipient
from wharf.common.packages.files import file_key
from wharf.common.runtime.context import JobContext

PATIENCE_SECONDS = 30.0
LASTING = 500
"""SMTP codes from here on say that trying again cannot help."""
AWAY = "The mail server could not be reached, or sent the message away for now. Look at WHARF_SMTP_URL if this lasts."
UNSET = "This installation sends no mail: who runs it has to set WHARF_SMTP_URL and WHARF_MAIL_FROM."
REFUSED = (
    "The mail server refused the message. Who runs this installation has to look at WHARF_SMTP_URL and WHARF_MAIL_FROM."
)


@dataclass(frozen=True)
class Post:
    """How mail leaves the installation. `most_bytes` is what the files of one mail may have together."""

    url: str | None
    sender: str | None
    most_bytes: int
    public_url: str = ""


def mail_report(context: JobContext[MailPayload], *, post: Post) -> dict[str, Any]:
    """One mail for each recipient; how many were sent, and how many addresses were refused.

    Raises `Transient` as long as the report is not ready or the server is away: it goes on after those who have theirs.
    """
    if not (post.url and post.sender):
        raise Permanent(UNSET, code="mail_not_set_up")
    report, addresses = _report(context)
    if report.status is not Status.COMPLETED:
        return {"sent": 0, "refused": 0, "attached": False}
    mail = written(report, _files(context, report, post), post)
    place = context.checkpoint or {"sent": 0, "refused": 0}
    with connected(post.url) as server:
        for address in addresses[place["sent"] + place["refused"] :]:
            context.check()
            outcome = (
                "sent" if delivered(server, mail, address, f"{context.job_id}.{sum(place.values())}") else "refused"
            )
            place = place | {outcome: place[outcome] + 1}
            context.report(sum(place.values()), len(addresses), stage="mail")
            with context.transaction() as connection:
                context.save(connection, place)
    return place | {"attached": any(mail.iter_attachments())}


def _report(context: JobContext[MailPayload]) -> tuple[JobView, list[str]]:
    with context.database.tenant(context.tenant_id) as connection:
        report = find(connection, context.payload.report_id)
        chosen = select(ReportRecipient.address).order_by(ReportRecipient.address)
        addresses = list(connection.execute(chosen).scalars())
    if report.status not in ENDED:
        message = "The report is not ready yet."
        raise Transient(message, code="report_not_ready")
    return report, addresses


def _files(context: JobContext[MailPayload], report: JobView, post: Post) -> list[tuple[str, str, bytes]]:
    """Name, media type and bytes of each; none where they are too large together."""
    result = report.result or {}
    if sum(file["size"] for file in result["files"]) > post.most_bytes:
        return []
    keys = {
        file["name"]: file_key(context.tenant_id, UUID(result["made_by"]), file["name"]) for file in result["files"]
    }
    return [
        (file["name"], file["media_type"], context.storage.read(keys[file["name"]], 0, file["size"]))
        for file in result["files"]
    ]


def written(report: JobView, files: list[tuple[str, str, bytes]], post: Post) -> EmailMessage:
    """The mail, without a recipient."""
    mail = EmailMessage()
    mail["Subject"] = f"Wharf: {report.label}"
    mail["From"] = post.sender
    mail["Date"] = format_datetime(report.finished_at or report.created_at)
    mail["Auto-Submitted"] = "auto-generated"
    place = f"{post.public_url.rstrip('/')}/api/v1/packages/{report.job_id}/files"
    where = "It is attached." if files else f"Its files are too large for a mail. With a key they are at {place}"
    mail.set_content(f"{report.label} is ready. {where}\n")
    for name, media_type, content in files:
        main, _, sub = media_type.partition("/")
        mail.add_attachment(content, maintype=main, subtype=sub, filename=name)
    return mail


@contextmanager
def connected(url: str) -> Iterator[smtplib.SMTP]:
    """A session: `smtps://` is encrypted at once, `smtp://` where the server offers it, and with a password always."""
    parts = urlsplit(url)
    host, context = parts.hostname or "", ssl.create_default_context()
    try:
        with _opened(parts.scheme, host, parts.port, context) as server:
            server.ehlo()
            if parts.scheme == "smtp" and (server.has_extn("starttls") or parts.username):
                server.starttls(context=context)
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            yield server
    except smtplib.SMTPResponseException as error:
        if error.smtp_code >= LASTING:
            raise Permanent(REFUSED, code="mail_refused", detail={"smtp_code": error.smtp_code}) from error
        raise Transient(AWAY, code="mail_server_away") from error
    except (smtplib.SMTPException, OSError) as error:
        raise Transient(AWAY, code="mail_server_away") from error


def _opened(scheme: str, host: str, port: int | None, context: ssl.SSLContext) -> smtplib.SMTP:
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port or 465, timeout=PATIENCE_SECONDS, context=context)
    return smtplib.SMTP(host, port or 587, timeout=PATIENCE_SECONDS)


def delivered(server: smtplib.SMTP, mail: EmailMessage, address: str, name: str) -> bool:
    """Send it to one address; False where the server wants none for it. `name` is the same in every try."""
    for header, value in (("To", address), ("Message-ID", f"<{name}@wharf>")):
        del mail[header]
        mail[header] = value
    try:
        server.send_message(mail, to_addrs=[address])
    except smtplib.SMTPRecipientsRefused as error:
        code, _ = error.recipients[address]
        if code < LASTING:
            raise Transient(AWAY, code="mail_server_away") from error
        return False
    return True

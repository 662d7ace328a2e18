"""The job that mails a report: its files attached where they are small enough, otherwise told where they are."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import or_, select

from wharf.common.errors import Permanent, Transient
from wharf.common.jobs.control import find
from wharf.common.jobs.kinds import MailPayload
from wharf.common.jobs.view import JobView
from wharf.common.ledger.models import ReportRecipient
from wharf.common.packages.files import file_key
from wharf.common.runtime.context import JobContext
from wharf.scheduler.mailserver import MailServer, Outcome

UNSET = "This installation sends no mail: who runs it has to set WHARF_SMTP_URL and WHARF_MAIL_FROM."
PUT_OFF = "The mail server wants mails for some addresses later. The job's log lines have its codes."
in_order = ReportRecipient.address.collate("C")
"""As Python compares addresses."""


@dataclass(frozen=True)
class Post:
    """How mail leaves the installation. `most_bytes` is what the files of one mail may have together."""

    url: str | None
    sender: str | None
    most_bytes: int
    public_url: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """How far the mails are: all addresses up to `last` had their turn, and `later` are to have another one."""

    sent: int = 0
    refused: int = 0
    last: str = ""
    later: Sequence[str] = ()

    @property
    def done(self) -> int:
        """How many addresses are settled."""
        return self.sent + self.refused

    def after(self, address: str, outcome: Outcome) -> Place:
        """One address further."""
        later = [one for one in self.later if one != address]
        return replace(
            self,
            sent=self.sent + (outcome is Outcome.SENT),
            refused=self.refused + (outcome is Outcome.REFUSED),
            last=max(self.last, address),
            later=[*later, address] if outcome is Outcome.LATER else later,
        )


def mail_report(context: JobContext[MailPayload], *, post: Post) -> dict[str, Any]:
    """One mail for each recipient; how many were sent, and how many addresses were refused.

    Raises `Transient` as long as the server is away, or wants some of them later: the next attempt goes on after those
    who have theirs.
    """
    if not (post.url and post.sender):
        raise Permanent(UNSET, code="mail_not_set_up")
    place = Place(**context.checkpoint or {})
    report, addresses = _report(context, place)
    # Who wants no mail any more is not waited for.
    place = replace(place, later=[one for one in place.later if one in addresses])
    mail = written(report, _files(context, report, post), post)
    server = MailServer(post.url)
    with context.pulse.ending(server.interrupt), closing(server):
        place = _mail(context, server, mail, addresses, place)
    if place.later:
        raise Transient(PUT_OFF, code="mail_put_off", detail={"addresses": len(place.later)})
    return {"sent": place.sent, "refused": place.refused, "attached": any(mail.iter_attachments())}


def _mail(
    context: JobContext[MailPayload], server: MailServer, mail: EmailMessage, addresses: Sequence[str], place: Place
) -> Place:
    """Each in its turn: an address that the server wants to wait keeps nobody else from theirs."""
    total = place.done + len(addresses)
    for address in addresses:
        context.check()
        _direct(mail, address, context.job_id)
        answer = server.send(mail, address)
        place = place.after(address, answer.outcome)
        if answer.code is not None:
            context.log("warning", "mail.not_taken", outcome=answer.outcome.value, smtp_code=answer.code)
        context.report(place.done, total, stage="mail")
        with context.transaction() as connection:
            context.save(connection, asdict(place))
    return place


def _report(context: JobContext[MailPayload], place: Place) -> tuple[JobView, list[str]]:
    """With those who are to have it now, first who had no turn yet: one who joins or leaves meanwhile moves nobody."""
    again = ReportRecipient.address.in_(place.later)
    chosen = select(ReportRecipient.address).where(or_(in_order > place.last, again)).order_by(again, in_order)
    with context.database.tenant(context.tenant_id) as connection:
        return find(connection, context.payload.report_id), list(connection.execute(chosen).scalars())


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
    mail.set_content(f"{report.label} is ready. {'It is attached.' if files else _where(report, post)}\n")
    for name, media_type, content in files:
        main, _, sub = media_type.partition("/")
        mail.add_attachment(content, maintype=main, subtype=sub, filename=name)
    return mail


def _where(report: JobView, post: Post) -> str:
    path = f"/api/v1/packages/{report.job_id}/files"
    base = post.public_url.rstrip("/")
    told = f"{base}{path}" if base else f"{path}, below this installation's address (WHARF_PUBLIC_URL is not set)"
    return f"Its files are too large for a mail. With a key they are at {told}"


def _direct(mail: EmailMessage, address: str, job_id: UUID) -> None:
    """To that address, under a name that is the same in every try: who has it twice is shown it once."""
    for header, value in (("To", address), ("Message-ID", f"<{uuid5(job_id, address)}@wharf>")):
        del mail[header]
        mail[header] = value

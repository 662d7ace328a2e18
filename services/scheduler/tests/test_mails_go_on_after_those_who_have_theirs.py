"""The job `mail` and its server: who has theirs, who is refused, who is put off, and what comes of it."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

from wharf.common.errors import Cancelled, Permanent, Transient
from wharf.common.jobs.kinds import MAIL, MailPayload
from wharf.common.packages.files import file_key
from wharf.common.runtime.context import JobContext
from wharf.scheduler.mail import Post, mail_report

ADA, BOB, CYD = (f"{name}@example.org" for name in ("ada", "bob", "cyd"))


class Session(socketserver.StreamRequestHandler):
    """Answers as the test has it, otherwise with yes; a 421 ends the session, as it does with real servers."""

    def handle(self) -> None:
        server: Any = self.server
        address = ""
        self._say("220 here")
        while words := self.rfile.readline().decode().split():
            verb = words[0].upper()
            if verb == "RCPT":
                address = words[1].partition("<")[2].rstrip(">")
            wanted = server.answers.get((verb, address), [])
            answer = wanted.pop(0) if wanted else {"DATA": "354 go on", "QUIT": "221 bye"}.get(verb, "250 ok")
            if answer == "nothing":
                server.asked.set()
                continue
            self._say(answer)
            if answer.startswith("354"):
                self._read(server, address)
            elif answer.startswith(("421", "221")):
                return

    def _read(self, server: Any, address: str) -> None:
        text = b"".join(iter(self.rfile.readline, b".\r\n")).decode()
        wanted = server.answers.get((".", address), [])
        answer = wanted.pop(0) if wanted else "250 ok"
        if answer.startswith("250"):
            server.mails.append((address, next(x for x in text.splitlines() if x.startswith("Message-ID"))))
        self._say(answer)

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class Mailbox(socketserver.ThreadingTCPServer):
    """What was sent to whom, and what is to be answered to `(verb, address)`; `.` is the end of a mail."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Session)
        self.mails: list[tuple[str, str]] = []
        self.answers: dict[tuple[str, str], list[str]] = {}
        self.asked = threading.Event()
        """It was asked what it does not answer."""

    @property
    def to(self) -> list[str]:
        return [address for address, _ in self.mails]


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A server of this test."""
    with Mailbox() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def name(ledger, tenant) -> Callable[..., None]:
    """Name those who have the tenant's reports."""

    def write(*addresses: str) -> None:
        ledger.ask("DELETE FROM wharf.report_recipients WHERE tenant_id = %s", tenant.id)
        for one in addresses:
            ledger.ask("INSERT INTO wharf.report_recipients (tenant_id, address) VALUES (%s, %s)", tenant.id, one)

    return write


@pytest.fixture
def report(ledger, tenant, storage) -> UUID:
    """A report that has ended."""
    job_id = tenant.submit()
    storage.put(file_key(tenant.id, job_id, "a.pdf"), b"%PDF")
    files = '[{"name": "a.pdf", "media_type": "application/pdf", "size": 4}]'
    result = f'{{"files": {files}, "made_by": "{job_id}"}}'
    ended = "status = 'completed', finished_at = now(), label = 'Weekly report', kind = 'report'"
    ledger.ask(f"UPDATE wharf.jobs SET {ended}, result = %s WHERE id = %s", result, job_id)
    return job_id


@pytest.fixture
def begin(tenant, report, attempt) -> Callable[[], JobContext]:
    """An attempt at mailing it."""
    return lambda: attempt(MAIL, MailPayload(report_id=report), of=tenant.id)


def mailed(context: JobContext, mailbox: Mailbox) -> dict[str, Any]:
    """One try; the context keeps its checkpoint, as the ledger does."""
    url = f"smtp://127.0.0.1:{mailbox.server_address[1]}"
    return mail_report(context, post=Post(url, "wharf@example.org", 1000))


def test_it_goes_on_after_those_who_have_theirs(name, begin, mailbox, ledger):
    """Whoever joined or left meanwhile: nobody is left out, and nobody has it twice."""
    name(BOB, CYD)
    mailbox.answers[("MAIL", BOB)] = ["421 too many at once"]
    context = begin()
    with pytest.raises(Transient) as away:
        mailed(context, mailbox)
    assert (away.value.error_code, mailbox.to) == ("mail_server_away", [BOB])
    assert ledger.job(context.job_id)["checkpoint"] == context.checkpoint
    name(ADA, CYD, "dan@example.org")
    assert mailed(context, mailbox) == {"sent": 3, "refused": 0, "attached": True}
    assert mailbox.to == [BOB, CYD, "dan@example.org"]


@pytest.mark.parametrize("verb", ["RCPT", "."])
@pytest.mark.parametrize("answer", ["450 grey-listed", "421 later"])
def test_one_who_is_put_off_keeps_nobody_from_theirs(name, begin, mailbox, verb, answer):
    """They have another turn in the next try, the last one; under the same name as before."""
    name(ADA, BOB, CYD)
    mailbox.answers[(verb, ADA)] = [answer, answer]
    context = begin()
    for _ in range(2):
        with pytest.raises(Transient) as put_off:
            mailed(context, mailbox)
        assert (put_off.value.error_code, put_off.value.detail) == ("mail_put_off", {"addresses": 1})
        assert mailbox.to == [BOB, CYD]
    assert mailed(context, mailbox) == {"sent": 3, "refused": 0, "attached": True}
    assert mailbox.to == [BOB, CYD, ADA]
    assert len({line for _, line in mailbox.mails}) == 3


def test_one_who_was_put_off_and_is_named_no_more_is_not_waited_for(name, begin, mailbox):
    """The job ends with those who are."""
    name(ADA, BOB)
    mailbox.answers[("RCPT", ADA)] = ["450 grey-listed"]
    context = begin()
    with pytest.raises(Transient):
        mailed(context, mailbox)
    name(BOB)
    assert mailed(context, mailbox) == {"sent": 1, "refused": 0, "attached": True}


@pytest.mark.parametrize(("verb", "answer"), [("RCPT", "550 unknown"), (".", "554 not for them"), ("DATA", "550 no")])
def test_one_who_is_refused_is_counted(name, begin, mailbox, verb, answer, ledger):
    """Those behind have theirs; the job's log lines have the server's code, and no address."""
    name(ADA, BOB)
    mailbox.answers[(verb, ADA)] = [answer]
    context = begin()
    assert mailed(context, mailbox) == {"sent": 1, "refused": 1, "attached": True}
    (line,) = ledger.ask("SELECT event, fields FROM wharf.job_logs WHERE job_id = %s", context.job_id)
    assert (line["event"], line["fields"]) == ("mail.not_taken", {"outcome": "refused", "smtp_code": int(answer[:3])})


def test_a_sender_that_is_refused_is_the_installation_s_to_mend(name, begin, mailbox):
    """Nobody would have anything: it is not tried again."""
    name(ADA)
    mailbox.answers[("MAIL", "")] = ["550 who are you"]
    with pytest.raises(Permanent) as refused:
        mailed(begin(), mailbox)
    assert (refused.value.error_code, refused.value.detail) == ("mail_refused", {"smtp_code": 550})


def test_a_server_that_is_away_is_tried_again(name, begin):
    """Nobody listens there."""
    name(ADA)
    with socket.create_server(("127.0.0.1", 0)) as chosen:
        port = chosen.getsockname()[1]
    with pytest.raises(Transient) as away:
        mail_report(begin(), post=Post(f"smtp://127.0.0.1:{port}", "wharf@example.org", 1000))
    assert away.value.error_code == "mail_server_away"


@pytest.mark.parametrize("verb", ["EHLO", "RCPT", "DATA"])
def test_a_cancel_is_not_kept_waiting_by_the_server(name, begin, mailbox, verb):
    """What stops the job ends the connection on which it waits for an answer."""
    name(ADA)
    mailbox.answers[(verb, "" if verb == "EHLO" else ADA)] = ["nothing"]
    context = begin()

    def cancel() -> None:
        mailbox.asked.wait()
        context.pulse.cancelled.set()
        context.pulse.interrupt()

    canceller = threading.Thread(target=cancel, daemon=True)
    canceller.start()
    with pytest.raises(Cancelled):
        mailed(context, mailbox)
    canceller.join()
    assert mailbox.to == []

"""What the built-in schedules of reports make, for whom, and who may see it."""

from __future__ import annotations

import email
import email.policy
import socketserver
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from wharf.local.trial import Trial, eventually

PATH = "/api/v1/schedules"
LAST_WEEK = "date_trunc('week', now()) - interval '2 days'"
ROWS = "transaction_id,date,quantity,unit_price\nT1,2026-01-05,2,1.50\nT2,2026-01-06,x,1.50\n"


@pytest.fixture
def platform(wharf: Trial) -> dict[str, str]:
    """The installation's owner."""
    return {"Authorization": f"Bearer {wharf.connection.platform_key}"}


PART = """
    INSERT INTO wharf.jobs
        (id, tenant_id, project_id, kind, queue, priority, status, admitted, parent_id, part, finished_at)
    SELECT gen_random_uuid(), tenant_id, project_id, 'import_part', queue, priority, status, false, id, 1, finished_at
    FROM wharf.jobs WHERE id::text = %s RETURNING 1"""


def worked_last_week(tenant: Trial, folder: Path) -> UUID:
    """A tenant whose only import was then, read in one part."""
    path = folder / "sales.csv"
    path.write_text(ROWS, encoding="utf-8")
    job = tenant.load(path, project_id="north", profile="transactions")
    of_job = "id::text = %s"
    tenant_id: UUID = tenant.one(f"SELECT tenant_id FROM wharf.jobs WHERE {of_job}", job["job_id"])
    tenant.ask(f"UPDATE wharf.jobs SET finished_at = {LAST_WEEK} WHERE {of_job} RETURNING 1", job["job_id"])
    tenant.ask(PART, job["job_id"])
    tenant.ask(f"UPDATE wharf.data_updates SET at = {LAST_WEEK} WHERE tenant_id = %s RETURNING 1", tenant_id)
    tenant.ask(f"UPDATE wharf.imports SET merged_at = {LAST_WEEK} WHERE tenant_id = %s RETURNING 1", tenant_id)
    return tenant_id


def order(wharf: Trial, platform: dict[str, str]) -> dict[str, Any]:
    """Let the weekly schedule run now; what its job did."""
    found = "SELECT id FROM wharf.schedules WHERE name = 'weekly_reports'"
    schedule = eventually(lambda: wharf.ask(found), "the built-in schedule")[0]["id"]
    job = wharf.api.post(f"{PATH}/{schedule}/run", headers=platform).raise_for_status().json()
    done = "SELECT result FROM wharf.jobs WHERE id::text = %s AND status = 'completed'"
    result: dict[str, Any] = eventually(lambda: wharf.ask(done, job["job_id"]), "the orders")[0]["result"]
    return result


class Mailbox(socketserver.StreamRequestHandler):
    """A mail server that takes everything, but nothing for those who are called nobody."""

    def handle(self) -> None:
        self._say("220 here")
        while words := self.rfile.readline().decode().split():
            match words[0].upper():
                case "RCPT":
                    self._say("550 unknown" if "nobody@" in words[1] else "250 ok")
                case "DATA":
                    self._say("354 go on")
                    lines = iter(self.rfile.readline, b".\r\n")
                    self.server.mails.append(email.message_from_bytes(b"".join(lines), policy=email.policy.default))  # type: ignore[attr-defined]  # the server below
                    self._say("250 ok")
                case "QUIT":
                    self._say("221 bye")
                    return
                case _:
                    self._say("250 ok")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture
def mails(mail_port: int) -> Iterator[list[EmailMessage]]:
    """What the stack hands to its mail server."""
    socketserver.TCPServer.allow_reuse_address = True
    with socketserver.ThreadingTCPServer(("127.0.0.1", mail_port), Mailbox) as server:
        server.mails = []  # type: ignore[attr-defined]  # what the handler above fills
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.mails  # type: ignore[attr-defined]  # as above
        server.shutdown()
        thread.join()


def reports(tenant: Trial) -> list[dict[str, Any]]:
    """The tenant's jobs of that kind."""
    items: list[dict[str, Any]] = tenant.api.get("/api/v1/jobs", params={"kind": "report"}).json()["items"]
    return items


def test_a_tenant_that_worked_has_its_report_once(
    wharf: Trial, tenant: Trial, platform: dict[str, str], tmp_path: Path
) -> None:
    """Over all its projects, as workbook and PDF, parts of jobs left out; another run makes none, nor has who idled."""
    tenant_id = worked_last_week(tenant, tmp_path)
    hook = {"name": "bi", "url": "http://127.0.0.1:1/", "events": ["report.ready"]}
    webhook = tenant.api.post("/api/v1/webhooks", json=hook).raise_for_status().json()
    with wharf.as_new_tenant() as idle:
        assert order(wharf, platform)["reports"] >= 1
        assert order(wharf, platform)["reports"] == 0
        assert reports(idle) == []
    (job,) = reports(tenant)
    ended = tenant.ended(job["job_id"])
    assert ended["status"] == "completed", ended["error"]
    result = ended["result"]
    assert (result["report"], result["package_type"], result["rows"]) == ("weekly", "activity_report", 3)
    files = tenant.api.get(f"/api/v1/packages/{job['job_id']}/files").raise_for_status().json()["items"]
    assert [one["media_type"].rpartition("/")[2][-3:] for one in files] == ["eet", "pdf"]
    assert all(len(tenant.api.get(one["url"]).raise_for_status().content) == one["size"] for one in files)
    (told,) = tenant.api.get(f"/api/v1/webhooks/{webhook['id']}/deliveries").json()["items"]
    data = told["body"]["data"]
    assert (told["type"], data["result"]["period"]) == ("report.ready", result["period"])
    assert data["links"]["files"] == f"/api/v1/packages/{job['job_id']}/files"
    assert tenant.one("SELECT count(*) FROM wharf.jobs WHERE tenant_id = %s AND kind = 'report'", tenant_id) == 1


def test_a_key_of_one_project_does_not_see_a_report_of_all(
    tenant: Trial, wharf: Trial, platform: dict[str, str], tmp_path: Path
) -> None:
    """Not even one of the project `default`, nor of that of the import."""
    worked_last_week(tenant, tmp_path)
    order(wharf, platform)
    (job,) = reports(tenant)
    tenant.ended(job["job_id"])
    for project in ("default", "north"):
        wanted = {"name": project, "role": "admin", "project_id": project}
        key = tenant.api.post("/api/v1/keys", json=wanted).raise_for_status().json()["key"]
        with httpx.Client(base_url=tenant.api.base_url, headers={"X-API-Key": key}) as bound:
            assert bound.get(f"/api/v1/jobs/{job['job_id']}").status_code == 404
            assert bound.get(f"/api/v1/packages/{job['job_id']}/files").status_code == 404


def test_it_is_mailed_to_those_who_are_named(
    wharf: Trial, tenant: Trial, platform: dict[str, str], mails: list[EmailMessage], tmp_path: Path
) -> None:
    """Each has one of their own with the files; an address that the server refuses keeps nobody else from it."""
    worked_last_week(tenant, tmp_path)
    wanted = ["Grace@example.org", "nobody@example.org", "ada@example.org"]
    named = tenant.api.put("/api/v1/reports/recipients", json={"recipients": wanted}).raise_for_status().json()
    assert named["recipients"] == ["ada@example.org", "grace@example.org", "nobody@example.org"]
    order(wharf, platform)
    (report,) = reports(tenant)
    files = tenant.ended(report["job_id"])["result"]["files"]
    (job,) = tenant.api.get("/api/v1/jobs", params={"kind": "mail"}).json()["items"]
    assert job["parent_id"] == report["job_id"]
    assert tenant.ended(job["job_id"])["result"] == {"sent": 2, "refused": 1, "attached": True}
    assert [mail["To"] for mail in mails] == ["ada@example.org", "grace@example.org"]
    for mail in mails:
        assert (mail["From"], mail["Subject"]) == ("Wharf <wharf@example.org>", f"Wharf: {report['label']}")
        sizes = {part.get_filename(): len(part.get_payload(decode=True)) for part in mail.iter_attachments()}
        assert sizes == {file["name"]: file["size"] for file in files}
    assert len({mail["Message-ID"] for mail in mails}) == 2


def test_nobody_is_mailed_unless_somebody_is_named(
    wharf: Trial, tenant: Trial, platform: dict[str, str], tmp_path: Path
) -> None:
    """There is no job for it."""
    worked_last_week(tenant, tmp_path)
    order(wharf, platform)
    tenant.ended(reports(tenant)[0]["job_id"])
    assert tenant.api.get("/api/v1/jobs", params={"kind": "mail"}).json()["items"] == []


@pytest.mark.parametrize(
    "address", ["nobody", "a@b", "a@example.org\r\nBcc: x@example.org", "<a@example.org>", "a b@c.de"]
)
def test_what_is_no_address_is_refused(tenant: Trial, address: str) -> None:
    """With its place; nothing that could become a header of its own."""
    answer = tenant.api.put("/api/v1/reports/recipients", json={"recipients": [address]})
    assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (422, ["body", "recipients", 0])

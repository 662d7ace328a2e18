"""The HTTP API as Python calls."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote
from uuid import uuid4

from wharf.client.calls import Calls, Document, insistently
from wharf.client.connection import Connection, find_connection
from wharf.client.failure import ClientError
from wharf.client.following import Following
from wharf.client.job import Job
from wharf.client.sending import OutgoingFile, Sent
from wharf.client.sse import ServerEvent

FIRST_INTERVAL = 0.01
LENGTHENING = 1.5
"""A small file is done in a few hundredths of a second; whoever waits for one hears of it as soon."""


class WharfClient(Calls):
    """Calls one gateway with one key; `with WharfClient(url, key) as wharf: wharf.upload(path)`.

    All methods raise `ClientError`. Answers are the API's JSON, jobs are `Job`s. One client may be used by several
    threads.
    """

    @classmethod
    def connect(cls, connection: Connection | None = None) -> Self:
        """A client for `connection`, or for the one that the environment or the local stack names."""
        found = connection or find_connection()
        return cls(found.url, found.key)

    # Uploads

    def upload(
        self,
        path: Path | str,
        *,
        profile: str | None = None,
        project_id: str | None = None,
        mode: str | None = None,
        mapping: Mapping[str, str | None] | None = None,
        options: Mapping[str, Any] | None = None,
        on_error: str | None = None,
        dry_run: bool = False,
        priority: str | None = None,
        start: bool = True,
        idempotency_key: str | None = None,
        on_sent: Sent | None = None,
    ) -> Document:
        """Send a file: `{job_id, upload_id, status, status_url, events_url}`; what is None the server decides.

        `mapping` is source header → column, or None: it brings none. The file is streamed; `on_sent` hears how many of
        its bytes have gone.
        Where the connection breaks it is sent again, under the same `idempotency_key` (given, or made for this call).
        """
        fields = {
            "profile": profile,
            "project_id": project_id,
            "mode": mode,
            "mapping": json.dumps(mapping) if mapping else None,
            "options": json.dumps(options) if options else None,
            "on_error": on_error,
            "dry_run": "true" if dry_run else None,
            "priority": priority,
            "start": None if start else "false",
        }
        form = {name: value for name, value in fields.items() if value is not None}
        # Under its key the server knows a file that comes again: it is safe to send it twice.
        headers = {"Idempotency-Key": idempotency_key or str(uuid4())}

        def send() -> Document:
            with OutgoingFile(Path(path), on_sent) as file:
                files = {"file": (Path(path).name, file)}
                return self._call("POST", "/api/v1/uploads", data=form, files=files, headers=headers)

        return insistently(send)

    # Jobs

    def jobs(self, *, limit: int | None = None, **filters: str | None) -> Iterator[Job]:
        """The newest jobs first; filters: `status`, `kind`, `queue`, `project_id`, `since`, `q`."""
        return (Job.of(item) for item in self._items("/api/v1/jobs", filters, limit))

    def job(self, job_id: str) -> Job:
        """One job as it is now."""
        return Job.of(self._call("GET", _job(job_id)))

    def cancel(self, job_id: str) -> Job:
        """Ask for its end."""
        return Job.of(self._call("POST", _job(job_id, "cancel")))

    def retry(self, job_id: str) -> Job:
        """Try a job that failed or was cancelled again."""
        return Job.of(self._call("POST", _job(job_id, "retry")))

    def undo(self, job_id: str) -> Job:
        """Reverse an import: a new job, with `reversed` and `kept` in its result."""
        return Job.of(self._call("POST", _job(job_id, "undo")))

    def commit(self, job_id: str) -> Job:
        """Merge what a dry run has checked: a new job of the same import."""
        return Job.of(self._call("POST", _job(job_id, "commit")))

    def conflicts(self, job_id: str, *, limit: int | None = None) -> Iterator[Document]:
        """Cells that an import asks about: `{id, line, key, column, existing, incoming, decided, decided_at}`."""
        return self._items(_job(job_id, "conflicts"), {}, limit)

    def decide(self, job_id: str, decisions: Mapping[str, Any]) -> Document:
        """`{decisions: [{id, take}]}` or `{take, all: True, column?}`, with `dry_run`: `{matched, done, changed}`."""
        return self._call("POST", _job(job_id, "conflicts"), json=dict(decisions))

    def discard(self, job_id: str) -> Job:
        """Take a failed job out of the dead count."""
        return Job.of(self._call("POST", _job(job_id, "discard")))

    def bulk(self, action: str, filters: Mapping[str, Any], *, dry_run: bool = False) -> Document:
        """`cancel`, `retry` or `discard` all jobs that match: `{matched, done}`; a dry run only counts them.

        Filters: `status` (one or a list), `kind`, `queue`, `project_id`, `q`; at least one.
        """
        given = {name: value for name, value in filters.items() if value is not None}
        return self._call("POST", "/api/v1/jobs/bulk", json={"action": action, "filter": given, "dry_run": dry_run})

    def logs(self, job_id: str, *, limit: int | None = None) -> Iterator[Document]:
        """The lines that the job wrote about itself, oldest first."""
        return self._items(_job(job_id, "logs"), {}, limit)

    def attempts(self, job_id: str) -> list[Document]:
        """Every try at the job."""
        return list(self._items(_job(job_id, "attempts"), {}, None))

    def result(self, job_id: str) -> Document:
        """What the job resulted in."""
        return self._call("GET", _job(job_id, "result"))

    def rejects(self, job_id: str, *, limit: int | None = None) -> Iterator[Document]:
        """The rows that were set aside, in the file's order: `{line, byte_offset, raw, errors}`."""
        return self._items(_job(job_id, "rejects"), {}, limit)

    def save_rejects(self, job_id: str, path: Path) -> int:
        """Write all rejects as a CSV that can be mended and uploaded; returns its size in bytes."""
        return self._save(_job(job_id, "rejects.csv"), path)

    def events(self, job_id: str) -> Iterator[ServerEvent]:
        """The job's events until it has ended; resumes a broken stream, polls where there is none."""
        return Following(self._http, _job(job_id, "events"), lambda: self.job(job_id)).events()

    def follow(self, job_id: str) -> Iterator[Job]:
        """The job again and again as it moves on; the last one has ended."""
        for event in self.events(job_id):
            if event.type == "job.log":
                continue
            job = event.job or self.job(job_id)
            yield job
            if job.ended:
                return
        # The events said that it ended, and somebody tried it again before we could ask.
        yield self.wait(job_id)

    def wait(self, job_id: str, *, timeout: float | None = None, interval: float = 0.25) -> Job:
        """The job when it has ended, asked for often at first and then every `interval` seconds.

        Raises `ClientError` (`timeout`) after `timeout` seconds; the job goes on.
        """
        deadline = time.monotonic() + timeout if timeout is not None else float("inf")
        pause = min(interval, FIRST_INTERVAL)
        while not (job := self.job(job_id)).ended:
            if time.monotonic() >= deadline:
                raise ClientError(f"The job is still {job.status} after {timeout:g} s; it goes on.", code="timeout")
            time.sleep(pause)
            pause = min(interval, pause * LENGTHENING)
        return job

    # Profiles and datasets

    def profiles(self) -> list[Document]:
        """The kinds of table that can be loaded."""
        return list(self._items("/api/v1/profiles", {}, None))

    def profile(self, name: str) -> Document:
        """One profile with its columns."""
        return self._call("GET", f"/api/v1/profiles/{_part(name)}")

    def draft_profile(self, path: Path | str) -> Document:
        """A declaration for files like this one, guessed by its beginning; nothing of it is loaded or declared.

        Raises `ClientError`: why the file is no table, or `nothing_to_draft` where it has no column with a name.
        """
        job = self.wait(self.upload(path, start=False)["job_id"])
        draft: Document | None = self.result(job.job_id).get("draft")
        if not draft:
            message = "The file has no column with a name: there is nothing that a profile could have."
            raise ClientError(message, code="nothing_to_draft")
        return draft

    def check_profile(self, declaration: Document) -> Document:
        """A declaration as it would be kept; `ClientError` says what is wrong with it. Nothing is written."""
        return self._call("POST", "/api/v1/profiles", params={"dry_run": "true"}, json=declaration)

    def save_profile(self, declaration: Document) -> Document:
        """Declare a kind of table, or change it."""
        return self._call("PUT", f"/api/v1/profiles/{_part(str(declaration.get('name')))}", json=declaration)

    def remove_profile(self, name: str) -> None:
        """Take a profile of the tenant's own away; its rows stay."""
        self._call("DELETE", f"/api/v1/profiles/{_part(name)}")

    def rows(self, profile: str, *, limit: int | None = None, **filters: str | None) -> Iterator[Document]:
        """Loaded rows; filters are `project_id` and the profile's columns."""
        return self._items(f"/api/v1/datasets/{_part(profile)}/rows", filters, limit)

    # Packages

    def package_types(self) -> list[Document]:
        """The kinds of package that can be made."""
        return list(self._items("/api/v1/package-types", {}, None))

    def package_type(self, name: str) -> Document:
        """One package type with its sections."""
        return self._call("GET", f"/api/v1/package-types/{_part(name)}")

    def check_package_type(self, declaration: Document | str) -> Document:
        """A declaration (YAML, where it is a text) as it would be kept; `ClientError` says what is wrong with it."""
        return self._call("POST", "/api/v1/package-types", params={"dry_run": "true"}, **_declared(declaration))

    def save_package_type(self, declaration: Document | str) -> Document:
        """Declare a kind of package, or change it."""
        # What a YAML text is called, the server knows
        name = self.check_package_type(declaration)["name"] if isinstance(declaration, str) else declaration.get("name")
        return self._call("PUT", f"/api/v1/package-types/{_part(str(name))}", **_declared(declaration))

    def remove_package_type(self, name: str) -> None:
        """Take a package type of the tenant's own away; the packages that were made of it stay."""
        self._call("DELETE", f"/api/v1/package-types/{_part(name)}")

    def make_package(
        self,
        package_type: str,
        *,
        project_id: str | None = None,
        formats: Sequence[str] = ("xlsx",),
        priority: str | None = None,
        **options: object,
    ) -> Document:
        """Have a package made: `{job_id, status, status_url, events_url, files_url}`.

        Options: `locale`, `page_size`, `orientation`, `sections`, `force`; what is None the package type decides.
        """
        chosen = {name: value for name, value in options.items() if value is not None}
        wish = {
            "package_type": package_type,
            "project_id": project_id,
            "options": {"formats": list(formats), **chosen},
            "priority": priority,
        }
        given = {name: value for name, value in wish.items() if value is not None}
        headers = {"Idempotency-Key": str(uuid4())}
        return insistently(lambda: self._call("POST", "/api/v1/packages", json=given, headers=headers))

    def package_files(self, job_id: str) -> list[Document]:
        """The files of a completed package: `{name, media_type, size, sha256, url}`."""
        return list(self._items(f"/api/v1/packages/{_part(job_id)}/files", {}, None))

    def save_package_file(self, job_id: str, name: str, path: Path) -> int:
        """Write one file of a package; returns its size in bytes."""
        return self._save(f"/api/v1/packages/{_part(job_id)}/files/{_part(name)}", path)

    # Schedules

    def schedules(self) -> list[Document]:
        """Work that begins by itself; with the platform's key what is built in."""
        return list(self._items("/api/v1/schedules", {}, None))

    def schedule(self, name: str) -> Document:
        """One of them, by its name or its id; raises `ClientError` (`schedule_not_found`)."""
        for found in self.schedules():
            if name in {found["name"], found["id"]}:
                return found
        raise ClientError(f"There is no schedule {name}. See them: wharf schedules ls", code="schedule_not_found")

    def create_schedule(self, **fields: Any) -> Document:  # noqa: ANN401 - JSON may be anything
        """Let a job begin by itself: `name`, `kind`, `payload`, `cron` or `interval_seconds`, and what is optional."""
        return self._call("POST", "/api/v1/schedules", json=fields)

    def change_schedule(self, schedule_id: str, **changes: Any) -> Document:  # noqa: ANN401 - as above
        """What is not said stays; it holds within a second."""
        return self._call("PATCH", _schedule(schedule_id), json=changes)

    def remove_schedule(self, schedule_id: str) -> None:
        """Take it away with its history; its jobs stay."""
        self._call("DELETE", _schedule(schedule_id))

    def run_schedule(self, schedule_id: str, *, dry_run: bool = False) -> Job:
        """Start its job now, beside its times."""
        said = {"json": {"dry_run": True}} if dry_run else {}
        return Job.of(self._call("POST", _schedule(schedule_id, "run"), **said))

    def schedule_runs(self, schedule_id: str, *, limit: int | None = None) -> Iterator[Document]:
        """What became of its occurrences, newest first: `{scheduled_for, outcome, manual, job_id, status}`."""
        return self._items(_schedule(schedule_id, "runs"), {}, limit)

    # Webhooks

    def webhooks(self) -> list[Document]:
        """Whom the tenant wants told, oldest first, without the secrets."""
        return list(self._items("/api/v1/webhooks", {}, None))

    def webhook(self, name: str) -> Document:
        """One of them, by its name or its id; raises `ClientError` (`webhook_not_found`)."""
        for found in self.webhooks():
            if name in {found["name"], found["id"]}:
                return found
        raise ClientError(f"There is no webhook {name}. See them: wharf webhooks ls", code="webhook_not_found")

    def create_webhook(self, name: str, url: str, **fields: Any) -> Document:  # noqa: ANN401 - as above
        """A new one with its `secret`, the only time that it is seen. Fields: `events`, `kinds`, `project_id`."""
        return self._call("POST", "/api/v1/webhooks", json={"name": name, "url": url} | fields)

    def change_webhook(self, webhook_id: str, **changes: Any) -> Document:  # noqa: ANN401 - as above
        """What is not said stays; one that is enabled again begins anew."""
        return self._call("PATCH", _webhook(webhook_id), json=changes)

    def remove_webhook(self, webhook_id: str) -> None:
        """Take it away with its deliveries."""
        self._call("DELETE", _webhook(webhook_id))

    def rotate_webhook(self, webhook_id: str) -> Document:
        """A new `secret`; the one before signs too until `previous_until`."""
        return self._call("POST", _webhook(webhook_id, "rotate"))

    def test_webhook(self, webhook_id: str) -> Document:
        """Send a `webhook.test`: its delivery."""
        return self._call("POST", _webhook(webhook_id, "test"))

    def webhook_deliveries(
        self, webhook_id: str, *, status: str | None = None, limit: int | None = None
    ) -> Iterator[Document]:
        """What was sent, what came of each try, what waits; newest first."""
        return self._items(_webhook(webhook_id, "deliveries"), {"status": status} if status else {}, limit)

    def replay_delivery(self, webhook_id: str, delivery_id: str) -> Document:
        """Send the same message again, under the same id."""
        return self._call("POST", _webhook(webhook_id, f"deliveries/{_part(delivery_id)}/replay"))

    # Queues and workers

    def queues(self) -> list[Document]:
        """Every queue: what waits and runs, the places of its workers, whether it is paused."""
        return list(self._call("GET", "/api/v1/queues").get("items", []))

    def pause(self, queue: str, reason: str | None = None) -> Document:
        """Let nothing more of it start: for the key's tenant, with the platform's key for everybody.

        All who see the queue are told the reason.
        """
        return self._call("POST", f"/api/v1/queues/{_part(queue)}/pause", json={"reason": reason} if reason else None)

    def resume(self, queue: str) -> Document:
        """Let it go on."""
        return self._call("POST", f"/api/v1/queues/{_part(queue)}/resume")

    def workers(self) -> list[Document]:
        """The workers of the installation."""
        return list(self._items("/api/v1/workers", {}, None))

    # Backups, with the platform's key

    def backups(self) -> list[Document]:
        """Those that can be restored, newest first, each with its last `verification`."""
        return list(self._items("/api/v1/backups", {}, None))

    def make_backup(self) -> Job:
        """Make one now; its id will be the job's."""
        return Job.of(self._call("POST", "/api/v1/backups"))

    def verify_backup(self, backup_id: str) -> Job:
        """Restore it on trial, into a database of its own, and compare."""
        return Job.of(self._call("POST", f"/api/v1/backups/{_part(backup_id)}/verify"))

    # The installation, with the platform's key

    def health(self) -> Document:
        """How the installation is: `{status, at, parts: {name: {status, detail, …}}}`. Needs the platform's key."""
        return self._call("GET", "/api/v1/health")

    # Keys and tenants

    def keys(self) -> list[Document]:
        """The keys, without their secrets."""
        return list(self._items("/api/v1/keys", {}, None))

    def create_key(self, name: str, role: str, **fields: str | None) -> Document:
        """A new key: `{id, key, …}`, the only time that it is seen. Fields: `tenant`, `project_id`, `expires_at`."""
        given = {field: value for field, value in fields.items() if value is not None}
        return self._call("POST", "/api/v1/keys", json={"name": name, "role": role} | given)

    def revoke_key(self, key_id: str) -> None:
        """From now on nobody gets in with that key."""
        self._call("DELETE", f"/api/v1/keys/{_part(key_id)}")

    def tenants(self) -> list[Document]:
        """The tenants; needs the platform's key."""
        return list(self._items("/api/v1/tenants", {}, None))

    def set_limits(self, tenant: str, **limits: int | None) -> Document:
        """Change `published` or `urgent` of a tenant; None takes the default back. Needs the platform's key."""
        return self._call("PATCH", f"/api/v1/tenants/{_part(tenant)}", json={"limits": limits})

    def create_tenant(self, name: str) -> Document:
        """A new tenant; needs the platform's key."""
        return self._call("POST", "/api/v1/tenants", json={"name": name})


def _job(job_id: str, part: str | None = None) -> str:
    return f"/api/v1/jobs/{_part(job_id)}" + (f"/{part}" if part else "")


def _schedule(schedule_id: str, part: str | None = None) -> str:
    return f"/api/v1/schedules/{_part(schedule_id)}" + (f"/{part}" if part else "")


def _webhook(webhook_id: str, part: str | None = None) -> str:
    return f"/api/v1/webhooks/{_part(webhook_id)}" + (f"/{part}" if part else "")


def _declared(declaration: Document | str) -> dict[str, Any]:
    if isinstance(declaration, str):
        return {"content": declaration.encode(), "headers": {"Content-Type": "application/yaml"}}
    return {"json": declaration}


def _part(text: str) -> str:
    return quote(text, safe="")

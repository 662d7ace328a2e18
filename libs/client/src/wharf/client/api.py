"""The HTTP API as Python calls."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx

from wharf.client.answers import refuse_errors, unreachable
from wharf.client.connection import Connection, find_connection
from wharf.client.failure import ClientError
from wharf.client.following import Following
from wharf.client.job import Job
from wharf.client.sending import OutgoingFile, Sent
from wharf.client.sse import ServerEvent

Document = dict[str, Any]
LOOPBACK = ("127.0.0.1", "localhost", "::1")
PAGE = 1000


class WharfClient:
    """Calls one gateway with one key; `with WharfClient(url, key) as wharf: wharf.upload(path)`.

    All methods raise `ClientError`. Answers are the API's JSON, jobs are `Job`s. One client may be used by several
    threads.
    """

    def __init__(self, url: str, key: str, *, timeout: float = 60.0) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=httpx.Timeout(timeout, connect=5.0),
            # A proxy of the environment has another loopback than we.
            trust_env=urlsplit(self.url).hostname not in LOOPBACK,
        )

    @classmethod
    def connect(cls, connection: Connection | None = None) -> Self:
        """A client for `connection`, or for the one that the environment or the local stack names."""
        found = connection or find_connection()
        return cls(found.url, found.key)

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def __enter__(self) -> Self:
        """Use it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    # Uploads

    def upload(
        self,
        path: Path | str,
        *,
        profile: str | None = None,
        project_id: str | None = None,
        mode: str | None = None,
        mapping: Mapping[str, str] | None = None,
        options: Mapping[str, Any] | None = None,
        on_error: str | None = None,
        dry_run: bool = False,
        priority: str | None = None,
        start: bool = True,
        idempotency_key: str | None = None,
        on_sent: Sent | None = None,
    ) -> Document:
        """Send a file: `{job_id, upload_id, status, status_url, events_url}`; what is None the server decides.

        `mapping` is source header → column. The file is streamed; `on_sent` hears how many of its bytes have gone.
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
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        with OutgoingFile(Path(path), on_sent) as file:
            return self._call(
                "POST",
                "/api/v1/uploads",
                data={name: value for name, value in fields.items() if value is not None},
                files={"file": (Path(path).name, file)},
                headers=headers,
            )

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

    def discard(self, job_id: str) -> Job:
        """Take a failed job out of the dead count."""
        return Job.of(self._call("POST", _job(job_id, "discard")))

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
        try:
            with self._http.stream("GET", _job(job_id, "rejects.csv")) as response:
                if not response.is_success:
                    response.read()
                    refuse_errors(response)
                with path.open("wb") as file:
                    return sum(file.write(chunk) for chunk in response.iter_bytes())
        except httpx.HTTPError as error:
            raise unreachable(self.url, error) from error
        except OSError as error:
            raise ClientError(f"{path} cannot be written: {error.strerror}.", code="not_writable") from error

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
        """The job when it has ended, asked for every `interval` seconds.

        Raises `ClientError` (`timeout`) after `timeout` seconds; the job goes on.
        """
        deadline = time.monotonic() + timeout if timeout is not None else float("inf")
        while not (job := self.job(job_id)).ended:
            if time.monotonic() >= deadline:
                raise ClientError(f"The job is still {job.status} after {timeout:g} s; it goes on.", code="timeout")
            time.sleep(interval)
        return job

    # Profiles and datasets

    def profiles(self) -> list[Document]:
        """The kinds of table that can be loaded."""
        return list(self._items("/api/v1/profiles", {}, None))

    def profile(self, name: str) -> Document:
        """One profile with its columns."""
        return self._call("GET", f"/api/v1/profiles/{_part(name)}")

    def rows(self, profile: str, *, limit: int | None = None, **filters: str | None) -> Iterator[Document]:
        """Loaded rows; filters are `project_id` and the profile's columns."""
        return self._items(f"/api/v1/datasets/{_part(profile)}/rows", filters, limit)

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

    def create_tenant(self, name: str) -> Document:
        """A new tenant; needs the platform's key."""
        return self._call("POST", "/api/v1/tenants", json={"name": name})

    # Requests

    def _items(self, path: str, filters: Mapping[str, str | None], limit: int | None) -> Iterator[Document]:
        """Yield the items of a list, page by page, at most `limit`."""
        wanted = {name: value for name, value in filters.items() if value is not None}
        cursor: str | None = None
        left = limit if limit is not None else float("inf")
        while left > 0:
            page = self._call("GET", path, params=wanted | {"limit": str(min(left, PAGE))} | _at(cursor))
            for item in page.get("items", [])[: int(min(left, PAGE))]:
                left -= 1
                yield item
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def _call(self, method: str, path: str, **request: Any) -> Document:  # noqa: ANN401 - httpx's own parameters
        try:
            response = self._http.request(method, path, **request)
        except httpx.HTTPError as error:
            raise unreachable(self.url, error) from error
        refuse_errors(response)
        document = _parsed(response)
        return document if isinstance(document, dict) else {"items": document}


def _parsed(response: httpx.Response) -> Any:  # noqa: ANN401 - JSON may be anything
    try:
        return response.json() if response.content else {}
    except ValueError as error:
        message = f"{response.url} answered something that is not Wharf's. Check WHARF_URL."
        raise ClientError(message, code="not_wharf", status=response.status_code) from error


def _at(cursor: str | None) -> dict[str, str]:
    return {"cursor": cursor} if cursor else {}


def _job(job_id: str, part: str | None = None) -> str:
    return f"/api/v1/jobs/{_part(job_id)}" + (f"/{part}" if part else "")


def _part(text: str) -> str:
    return quote(text, safe="")

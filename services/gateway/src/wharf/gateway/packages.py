"""Packages: their jobs, and the files that they made."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from wharf.common.errors import Conflict, Gone, OutOfRange
from wharf.common.jobs.kinds import PACKAGE, REPORT, PackagePayload
from wharf.common.jobs.states import Status
from wharf.common.jobs.submission import Order, Written, write_job
from wharf.common.jobs.view import JobView
from wharf.common.packages import KnownPackages, PackageOptions, chosen
from wharf.common.packages.files import file_key
from wharf.common.queues import Priority
from wharf.common.storage import StoredFile
from wharf.gateway.authentication import Member, hidden
from wharf.gateway.intake import DEFAULT_PROJECT
from wharf.gateway.jobs import find_job
from wharf.gateway.resources import Resources
from wharf.gateway.uploads import Seal, no_seal

PIECE = 1 << 20
RANGE = re.compile(r"bytes=(\d*)-(\d*)")
BEGINNING = (1980, 1, 1, 0, 0, 0)
PROJECT = """
    INSERT INTO wharf.projects (tenant_id, slug) VALUES (%(tenant_id)s, %(project_id)s) ON CONFLICT DO NOTHING"""


@dataclass(frozen=True, slots=True)
class PackageWish:
    """What a request wants: a package of a project's data."""

    package_type: str
    project_id: str | None
    options: PackageOptions
    priority: Priority
    request_id: str


def submit_package(resources: Resources, member: Member, wish: PackageWish, seal: Seal = no_seal) -> Written:
    """Write the job. Raises `Invalid` for types, sections and locales that there are not."""
    project_id = member.project(wish.project_id) or DEFAULT_PROJECT
    with resources.database.tenant(member.tenant_id) as connection:
        order = _order(connection, member, wish, project_id)
        connection.exec_driver_sql(PROJECT, {"tenant_id": member.tenant_id, "project_id": project_id})
        written = write_job(connection, order)
        seal(connection, written)
    return written


def _order(connection: Connection, member: Member, wish: PackageWish, project_id: str) -> Order:
    kind = KnownPackages.of_tenant(connection).named(wish.package_type)
    # Only to refuse now what the worker would refuse: it gets the type and the options, and chooses by itself
    chosen(kind, wish.options)
    return Order(
        tenant_id=member.tenant_id,
        project_id=project_id,
        kind=PACKAGE,
        payload=PackagePayload.of(kind, wish.options),
        priority=wish.priority,
        label=kind.title,
        request_id=wish.request_id,
    )


@dataclass(frozen=True, slots=True)
class PackageFile:
    """A file of a package, by what its job said of it."""

    name: str
    media_type: str
    size: int
    sha256: str
    key: str


def package_of(connection: Connection, member: Member, job_id: UUID) -> tuple[JobView, list[PackageFile]]:
    """A completed package and its files; raises `NotFound`, and `Conflict` while there are none."""
    job = find_job(connection, member, job_id)
    if job.kind not in {PACKAGE.name, REPORT.name}:
        raise hidden("package", job_id, "package_not_found")
    if job.status != Status.COMPLETED or job.result is None:
        message = f"The package's job is {job.status}: its files are there when it is completed."
        raise Conflict(message, code="package_not_completed")
    if "removed_at" in job.result:
        message = "The files of this package were removed when their time was over. Order it again."
        raise Gone(message, code="package_removed")
    return job, [_file(member, job.result, said) for said in job.result["files"]]


def _file(member: Member, result: dict[str, Any], said: dict[str, Any]) -> PackageFile:
    key = file_key(member.tenant_id, UUID(str(result["made_by"])), said["name"])
    return PackageFile(said["name"], said["media_type"], said["size"], said["sha256"], key)


def file_named(files: list[PackageFile], name: str) -> PackageFile:
    """The file of that name; raises `NotFound`."""
    for file in files:
        if file.name == name:
            return file
    raise hidden("file", name, "file_not_found")


def part_asked(header: str | None, size: int) -> tuple[int, int] | None:
    """From where to before where a `Range` asks for; None for the whole file. Raises `OutOfRange` beyond its end.

    Several ranges at once, and what is no range of bytes, get the whole file, as the standard allows.
    """
    found = RANGE.fullmatch(header.strip()) if header else None
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    start = int(first) if first else max(size - int(last), 0)
    stop = min(int(last) + 1, size) if first and last else size
    if start >= stop:
        message = f"The file has {size} bytes; the range {header} is none of it."
        raise OutOfRange(message)
    return start, stop


def pieces(file: StoredFile, start: int, stop: int) -> Iterator[bytes]:
    """A part of a stored file, piece by piece."""
    for place in range(start, stop, PIECE):
        yield file.read(place, min(PIECE, stop - place))


class _Outlet:
    """A file without an end to go back to: what is written to it is taken out at once."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._waiting.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        """What was written since."""
        taken = b"".join(self._waiting)
        self._waiting.clear()
        return taken


def bundle(job: JobView, files: list[tuple[PackageFile, StoredFile]]) -> Iterator[bytes]:
    """All files and a manifest as one archive, piece by piece. They are compressed already, so they are stored."""
    outlet = _Outlet()
    with zipfile.ZipFile(outlet, "w") as archive:  # type: ignore[call-overload]  # writes, and never seeks
        archive.writestr(zipfile.ZipInfo("manifest.json", BEGINNING), _manifest(job))
        for file, stored in files:
            with archive.open(zipfile.ZipInfo(file.name, BEGINNING), "w", force_zip64=True) as part:
                for piece in pieces(stored, 0, file.size):
                    part.write(piece)
                    yield outlet.take()
    yield outlet.take()


def _manifest(job: JobView) -> bytes:
    result = job.result or {}
    names = ("package_type", "files", "pages", "rows", "fingerprint", "as_of")
    said = {"project_id": job.project_id} | {name: result.get(name) for name in names}
    return json.dumps(said, indent=2, default=str).encode()

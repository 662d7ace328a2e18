"""Canaries: what the installation sends through each queue, as a tenant would, to see that it comes through.

They belong to the installation, in a project of their own, so no tenant sees or pays for them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from psycopg import sql
from sqlalchemy import Connection, insert, select, text

from wharf.common.clock import new_id
from wharf.common.jobs.kinds import ECHO, IMPORT, PACKAGE, EchoPayload, ImportPayload, Kind, PackagePayload, Payload
from wharf.common.jobs.submission import Order, Written, write_job
from wharf.common.ledger.database import driver_of
from wharf.common.ledger.models import Canary, Dataset, Import, Upload
from wharf.common.packages import PackageOptions, PackageType
from wharf.common.profiles import Profile
from wharf.common.queues import Queue
from wharf.common.schedules.policies import INSTALLATION
from wharf.common.storage import Storage

NAME = "canary"
"""Of the project, of the profile and of the package type."""
FILE_NAME = "canary.csv"

# Written anew where a later version declares it otherwise.
DECLARE = text("""
    INSERT INTO wharf.profiles AS there (tenant_id, name, declaration) VALUES (:tenant_id, :name, cast(:said AS jsonb))
    ON CONFLICT (tenant_id, name) DO UPDATE SET declaration = excluded.declaration, updated_at = now()
    WHERE there.declaration IS DISTINCT FROM excluded.declaration""")
PROJECT = text("""
    INSERT INTO wharf.projects (tenant_id, slug) VALUES (:tenant_id, :name) ON CONFLICT DO NOTHING""")


@cache
def profile() -> Profile:
    """What the tiny files hold: one row, with a value of each type that is read in its own way."""
    columns = [
        {"name": "token", "required": True},
        {"name": "sent_at", "type": "timestamp"},
        {"name": "amount", "type": "decimal"},
    ]
    return Profile.model_validate({"name": NAME, "title": "Canaries", "key": ["token"], "columns": columns})


@cache
def package_type() -> PackageType:
    """A package of the rows that are there: those of the canaries before."""
    columns = [{"name": "token", "title": "Token"}, {"name": "amount", "title": "Amount", "format": "decimal"}]
    section = {"name": "rows", "title": "Rows", "dataset": NAME, "columns": columns}
    return PackageType.model_validate({"name": NAME, "title": "Canaries", "sections": [section]})


@dataclass(frozen=True, slots=True)
class Freight:
    """What is sent through a queue: a kind of job, its payload by the canary's number, and whether it has a file."""

    kind: Kind[Any]
    payload: Callable[[UUID], Payload]
    file: bool = False


def _import(number: UUID) -> ImportPayload:
    return ImportPayload(import_id=number, upload_id=number, profile=NAME, mode=None)


def _package(_number: UUID) -> PackagePayload:
    # Anew: otherwise a package of the same rows is found, and nothing is made.
    return PackagePayload.of(package_type(), PackageOptions(formats=("pdf",), force=True))


FREIGHT: dict[Queue, Freight] = {
    Queue.INGEST: Freight(IMPORT, _import, file=True),
    Queue.INGEST_BULK: Freight(IMPORT, _import, file=True),
    Queue.PACKAGE: Freight(PACKAGE, _package),
    Queue.MAINTENANCE: Freight(ECHO, lambda number: EchoPayload(message=str(number))),
}
"""By queue: each has one."""


def upload_key(number: UUID) -> str:
    """Where a canary's file is."""
    return f"uploads/{INSTALLATION}/{number}"


def content(number: UUID) -> bytes:
    """A canary's file: no two are alike, so none is taken for a repeat."""
    return f"token,sent_at,amount\n{number},2026-01-01T00:00:00Z,1.25\n".encode()


@dataclass(frozen=True, slots=True)
class Packed:
    """A canary whose file, if it has one, is stored."""

    number: UUID
    queue: Queue
    freight: Freight

    @classmethod
    def of(cls, queue: Queue, storage: Storage) -> Packed:
        """Store its file. If nothing comes of it the file is an orphan like others, and is found as those are."""
        number, freight = new_id(), FREIGHT[queue]
        if freight.file:
            storage.put(upload_key(number), content(number))
        return cls(number, queue, freight)


def declare(connection: Connection) -> None:
    """See to it that the project and the profile are there."""
    said = profile().model_dump_json()
    connection.execute(DECLARE, {"tenant_id": INSTALLATION, "name": NAME, "said": said})
    connection.execute(PROJECT, {"tenant_id": INSTALLATION, "name": NAME})


def send(connection: Connection, canary: Packed) -> Written:
    """Write what a gateway writes for such a request, and a note of it; announce the job after the commit."""
    own: dict[str, Any] = {"id": canary.number, "tenant_id": INSTALLATION}
    if canary.freight.file:
        _write_upload(connection, own | {"project_id": NAME})
    written = write_job(connection, _order(canary))
    note = own | {"queue": canary.queue, "job_id": written.view.job_id}
    connection.execute(insert(Canary).values(note))
    return written


def _write_upload(connection: Connection, own: dict[str, Any]) -> None:
    data = content(own["id"])
    said = {"file_name": FILE_NAME, "media_type": "text/csv", "storage_key": upload_key(own["id"])}
    told = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    connection.execute(insert(Upload).values(own | said | told))
    connection.execute(insert(Import).values(own | {"upload_id": own["id"], "profile": NAME}))


def _order(canary: Packed) -> Order:
    return Order(
        tenant_id=INSTALLATION,
        project_id=NAME,
        kind=canary.freight.kind,
        payload=canary.freight.payload(canary.number),
        label=NAME,
        request_id=f"canary-{canary.number}",
        queue=canary.queue,
    )


def delete_rows(connection: Connection, numbers: list[UUID]) -> None:
    """Take their rows out of the dataset, if there is one yet."""
    query = select(Dataset.schema_name, Dataset.table_name).where(Dataset.profile == NAME)
    for schema_name, table_name in connection.execute(query):
        table = sql.Identifier(schema_name, table_name)
        statement = sql.SQL("DELETE FROM {} WHERE _import_id = ANY (%s)").format(table)
        driver_of(connection).execute(statement, [numbers])

"""The job: read the datasets, look whether the same files were made before, write them, store them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select

from wharf.common.builtin import counted_as
from wharf.common.errors import WharfError
from wharf.common.jobs.kinds import PackagePayload, ReportPayload
from wharf.common.ledger.database import Database, driver_of
from wharf.common.ledger.models import DataUpdate, Tenant
from wharf.common.metrics import PACKAGE_PAGES, PACKAGE_ROWS
from wharf.common.packages import LOCALES, KnownDatasets, PackageType, builtin_packages, chosen, package_named
from wharf.common.packages.files import file_key
from wharf.common.runtime.context import JobContext
from wharf.package_worker.content import Content
from wharf.package_worker.earlier import earlier_package
from wharf.package_worker.files import MadeFile, file_name, make_file
from wharf.package_worker.finished import finished_files, keep_finished
from wharf.package_worker.reading import SectionReader, source_of
from wharf.package_worker.reading.query import Scope, SectionQuery
from wharf.package_worker.workfolder import work_folder

Context = JobContext[PackagePayload] | JobContext[ReportPayload]
ENGINE = 2
"""Raised when the same rows give other files: what was made before is then made anew."""
READ_PERCENT = 20.0
"""How far the job is when all rows are read."""


def run_package(context: JobContext[PackagePayload]) -> dict[str, Any]:
    """Make a package's files; gives the contract's `result` of a package.

    Raises `Invalid` for types, sections and columns that there are not.
    """
    payload = context.payload
    kind = chosen(payload.declaration or package_named(payload.package_type), payload.options)
    return make_package(context, kind, Scope(context.view.project_id))


def make_package(context: Context, kind: PackageType, scope: Scope) -> dict[str, Any]:
    """Make the files of that type, or find them made before; gives the contract's `result` of a package."""
    started = time.monotonic()
    with work_folder() as folder:
        content = _read(context, kind, scope, folder)
        result = _made_before(context, content.fingerprint) or _make(context, content, folder)
    result["seconds"] = round(time.monotonic() - started, 3)
    total = max(content.rows, 1)
    context.report(total, total, stage="done", message=_sentence(result), percent=100.0)
    context.log("info", "package.done", **{name: result[name] for name in ("pages", "rows", "cached", "seconds")})
    return result


def _read(context: Context, kind: PackageType, scope: Scope, folder: Path) -> Content:
    """All rows, as they were at one moment."""
    context.report(0, None, stage="read", message="Reading the datasets")
    engine = context.database.engine.execution_options(isolation_level="REPEATABLE READ")
    with Database(engine).tenant(context.tenant_id) as connection, context.pulse.guarding(connection):
        project = scope.name
        # Not the clock's time: the same data give the same files, whenever they are made
        as_of = scope.until or _latest(connection, scope) or context.view.created_at
        author = connection.execute(select(Tenant.name).where(Tenant.id == context.tenant_id)).scalar_one()
        reader = SectionReader(driver_of(connection), folder, lambda _rows: context.check())
        digest = hashlib.sha256(
            f"{ENGINE} {project} {author} {scope.since or ''}{as_of} {kind.model_dump_json()}".encode()
        )
        digest.update(" ".join(sorted(context.payload.options.formats)).encode())
        filled, datasets = [], KnownDatasets.of_tenant(connection)
        for section in kind.sections:
            queries = SectionQuery(section, source_of(datasets, section.dataset), scope, as_of).compose()
            filled.append(reader.fill(section, queries, digest))
    return Content(kind, tuple(filled), LOCALES[kind.locale], project, author, as_of, digest.hexdigest())


def _latest(connection: Connection, scope: Scope) -> datetime | None:
    latest = select(func.max(DataUpdate.at)).where(DataUpdate.project_id == scope.project_id)
    return connection.execute(latest).scalar()


def _made_before(context: Context, fingerprint: str) -> dict[str, Any] | None:
    if context.payload.options.force:
        return None
    with context.database.tenant(context.tenant_id) as connection:
        found = earlier_package(connection, context.storage, context.tenant_id, fingerprint)
    return found and found | {"cached": True}


def _make(context: Context, content: Content, folder: Path) -> dict[str, Any]:
    course = _Course(context, content.rows * len(context.payload.options.formats))
    formats, made = context.payload.options.formats, finished_files(context, content.fingerprint)
    with _all_or_nothing(context, [file_name(content, format_) for format_ in formats]):
        for format_ in formats:
            if format_ not in made:
                made[format_] = _store(context, make_file(content, format_, folder, course.reached(format_)))
                keep_finished(context, content.fingerprint, made)
            course.done += content.rows
    files = [made[format_] for format_ in formats]
    pages, rows = sum(file["pages"] or 0 for file in files), content.rows
    label = counted_as(content.type.name, builtin_packages())
    PACKAGE_PAGES.labels(label).inc(pages)
    PACKAGE_ROWS.labels(label).inc(rows)
    return {
        "package_type": content.type.name,
        "files": files,
        "pages": pages,
        "rows": rows,
        "cached": False,
        "fingerprint": content.fingerprint,
        "made_by": context.job_id,
        "as_of": content.as_of,
    }


@dataclass
class _Course:
    """How far the writing is."""

    context: Context
    total: int
    done: int = 0

    def reached(self, format_: str) -> Any:  # noqa: ANN401 - content.Reached
        """What a writer tells after every page or batch."""

        def reached(pages: int, rows: int) -> None:
            self.context.check()
            current = self.done + rows
            percent = READ_PERCENT + (95 - READ_PERCENT) * current / max(self.total, 1)
            message = f"Page {pages:,}" if pages else "Writing the workbook"
            self.context.report(current, self.total, stage=format_, message=message, percent=percent)

        return reached


def _store(context: Context, file: MadeFile) -> dict[str, Any]:
    context.check()
    context.storage.put_file(file_key(context.tenant_id, context.job_id, file.name), file.path)
    return file.as_dict()


@contextmanager
def _all_or_nothing(context: Context, names: Sequence[str]) -> Iterator[None]:
    """Where a file fails, or the job is stopped meanwhile, none of them stays; but what a kill leaves is used again."""
    try:
        yield
        context.check()
    except BaseException:
        for name in names:
            with suppress(WharfError):
                context.storage.delete(file_key(context.tenant_id, context.job_id, name))
        raise


def _sentence(result: dict[str, Any]) -> str:
    names = ", ".join(file["name"] for file in result["files"])
    return f"{names} (made before)" if result["cached"] else names

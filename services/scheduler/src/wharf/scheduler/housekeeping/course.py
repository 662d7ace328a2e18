"""The way through one run: class by class, tenant by tenant, batch by batch; each batch is one short transaction.

A batch commits with its counts and its place, so a run that was killed goes on where it was. The tenant's policies hold
for what is done in a tenant: nothing here sees two of them at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from sqlalchemy import Connection, text

from wharf.common.jobs.kinds import CleanupPayload
from wharf.common.ledger.database import SET_TENANT
from wharf.common.runtime.context import JobContext
from wharf.common.storage import Listed, Storage
from wharf.scheduler.housekeeping.retention import Retention

BATCH = 2_000
"""Rows of one transaction."""
AT_ONCE = 100
"""Objects of one request to the storage."""
PATIENCE = text("SET LOCAL lock_timeout = '2s'")
"""Whoever works goes first: a batch that meets them for so long is tried again later."""
TENANTS = text("SELECT wharf.tenants_kept()")
LEFT_OFF = text("""
    SELECT result -> 'left_off' FROM wharf.jobs
    WHERE kind = 'cleanup' AND status = 'completed' AND NOT (result ->> 'dry_run')::boolean
    ORDER BY created_at DESC LIMIT 1""")
KEPT = ("done", "left_off", "removed", "sizes", "partitions_made", "missing", "examples")
"""What the checkpoint has of a course as it is."""
Place = UUID | None
"""A tenant, or None for what belongs to none."""


class OutOfTime(Exception):
    """The run has had its time: the next one goes on."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What one batch took away, and the objects that go after its commit."""

    items: int
    more: bool = False
    size: int = 0
    """Bytes of the objects."""
    keys: Sequence[str] = ()


NOTHING = Cut(0)
"""There was nothing to do, nor was anything done: such a batch need not be committed."""


def counted(items: int, size: int = 0) -> Cut:
    """What a dry run found."""
    return Cut(items, size=size) if items else NOTHING


class _Nothing(Exception):
    """Leaves a transaction that has nothing to commit."""


class Chore(Protocol):
    """One class of things that are kept for a time only."""

    @property
    def name(self) -> str:
        """As the result names it."""

    def run(self, course: Course) -> None:
        """Remove what is old; a dry run only counts it."""


@dataclass
class Course:
    """One run of one job. `ends_at` on the monotonic clock."""

    context: JobContext[CleanupPayload]
    keep: Retention
    ends_at: float
    done: list[str] = field(default_factory=list)
    """The classes that are finished."""
    last: UUID | None = None
    """The last tenant that is finished in the class under way."""
    left_off: dict[str, str] = field(default_factory=dict)
    """By class: the folder or tenant that is not finished, in this run or, until it gets there, in the one before."""
    removed: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    partitions_made: int = 0
    missing: int = 0
    examples: list[dict[str, str]] = field(default_factory=list)
    classes: int = 0
    """How many there are, for the progress."""

    @property
    def is_trial(self) -> bool:
        """Whether nothing may be changed."""
        return self.context.payload.dry_run

    @property
    def storage(self) -> Storage:
        """Where the objects are."""
        return self.context.storage

    def resume(self) -> None:
        """Go on where an earlier attempt was."""
        kept = self.context.checkpoint or {"left_off": self._left_off()}
        self.last = UUID(kept["last"]) if kept.get("last") else None
        for name in KEPT:
            setattr(self, name, kept.get(name, getattr(self, name)))

    def _left_off(self) -> dict[str, str]:
        with self.context.database.tenant(self.context.tenant_id) as connection:
            return connection.execute(LEFT_OFF).scalar() or {}

    def check(self) -> None:
        """Stop here if the job was cancelled or its time is over."""
        self.context.check()
        if time.monotonic() > self.ends_at:
            raise OutOfTime

    def tenants(self) -> Iterator[UUID]:
        """Those that the class under way has not been through."""
        with self.context.database.anyone() as connection:
            found: list[UUID] = list(connection.execute(TENANTS).scalars())
        for tenant_id in found:
            if self.last is None or tenant_id > self.last:
                yield tenant_id

    def onward(self, name: str, places: Iterable[str]) -> Iterator[str]:
        """All of them, from the one after that which the run before did not finish: what is vast holds up no other."""
        known = list(places)
        first = known.index(self.left_off[name]) + 1 if self.left_off.get(name) in known else 0
        for place in known[first:] + known[:first]:
            self.left_off[name] = place
            yield place
        self.left_off.pop(name, None)

    def listed(self, prefix: str) -> Iterator[Listed]:
        """The objects below a prefix: there may be so many that the run has to stop at any of them."""
        for found in self.storage.list(prefix):
            self.check()
            yield found

    def begin(self, name: str) -> None:
        """A class begins, or goes on; what a dry run had counted of it before it was killed is counted anew."""
        if self.is_trial and self.last is None:
            self.removed.pop(name, None)
            self.sizes.pop(name, None)
        self.tell(name)

    def finish(self, name: str) -> None:
        """A class is finished: the next attempt leaves it out."""
        self.done.append(name)
        self.last = None
        self.removed.setdefault(name, 0)
        with self.context.transaction() as connection:
            self.save(connection)

    @contextmanager
    def transaction(self, tenant_id: Place) -> Iterator[Connection]:
        """One transaction, in that tenant; it commits only while this attempt holds its lease, and with its counts."""
        self.check()
        with self.context.transaction() as connection:
            connection.execute(PATIENCE)
            name_tenant(connection, tenant_id or self.context.tenant_id)
            yield connection
            name_tenant(connection, self.context.tenant_id)
            self.save(connection)

    def batch(self, name: str, tenant_id: Place, cut: Callable[[Course, Connection], Cut]) -> Cut:
        """One batch of a class, its objects too: the rows first, so that nobody is led to what is gone."""
        done = NOTHING
        with suppress(_Nothing), self.transaction(tenant_id) as connection:
            done = cut(self, connection)
            if done is NOTHING:
                # Most tenants have nothing on most days: that costs no commit.
                raise _Nothing
            self.count(name, done.items, done.size)
            if not done.more or self.is_trial:
                self.last = tenant_id
        if not self.is_trial:
            self.delete(done.keys)
        return done

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; those that are left where that fails no row knows, and the class `orphans` finds them."""
        for start in range(0, len(keys), AT_ONCE):
            self.check()
            self.storage.delete_all(keys[start : start + AT_ONCE])

    def count(self, name: str, items: int, size: int = 0) -> None:
        """So many more, and tell it."""
        self.removed[name] = self.removed.get(name, 0) + items
        if size:
            self.sizes[name] = self.sizes.get(name, 0) + size
        self.tell(name)

    def tell(self, name: str) -> None:
        """Say how far the run is."""
        message = f"{self.removed.get(name, 0):,} {name.replace('_', ' ')}"
        self.context.report(len(self.done), self.classes, stage=name, message=message)

    def save(self, connection: Connection) -> None:
        """Keep the place, in a transaction of the job's own tenant."""
        kept = {name: getattr(self, name) for name in KEPT} | {"last": str(self.last) if self.last else None}
        self.context.save(connection, kept)


@dataclass(frozen=True)
class Batched:
    """A class that goes batch by batch, in every tenant or in none."""

    name: str
    cut: Callable[[Course, Connection], Cut]
    in_tenants: bool = True

    def run(self, course: Course) -> None:
        """Until nothing is left."""
        places: Iterator[Place] = course.tenants() if self.in_tenants else iter((None,))
        for place in places:
            while course.batch(self.name, place, self.cut).more and not course.is_trial:
                pass


def name_tenant(connection: Connection, tenant_id: UUID) -> None:
    """From here on the transaction is that tenant's."""
    connection.exec_driver_sql(SET_TENANT, {"tenant": str(tenant_id)})

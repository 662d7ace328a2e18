"""What a schedule can begin: kinds of job that need nothing of the moment, such as a file that somebody sends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from sqlalchemy import Connection

from wharf.common.errors import Invalid, Problem
from wharf.common.jobs.kinds import (
    BACKUP,
    BENCHMARK,
    CLEANUP,
    ECHO,
    HEALTH,
    PACKAGE,
    REPORTS,
    BackupPayload,
    BenchmarkPayload,
    CleanupPayload,
    EchoPayload,
    HealthPayload,
    Kind,
    PackagePayload,
    Payload,
    ReportsPayload,
)
from wharf.common.packages import KnownPackages, PackageOptions, PackageType, builtin_packages, chosen
from wharf.common.schedules.timing import ZoneName
from wharf.common.wording import worded

Declaration = Mapping[str, Any]
W = TypeVar("W", bound=BaseModel)


def _storable(text: str) -> str:
    """The ledger keeps payloads as jsonb, which has no text with NUL."""
    if "\0" in text:
        raise ValueError("NUL characters are not allowed here")
    return text


class Wish(BaseModel):
    """What a schedule keeps of the work that it begins."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PackageWish(Wish):
    """As `POST /api/v1/packages` takes it; project and priority are the schedule's."""

    package_type: Annotated[str, StringConstraints(max_length=63)]
    options: PackageOptions = PackageOptions()


class EchoWish(Wish):
    """What is to be said back."""

    message: Annotated[str, StringConstraints(max_length=1000), AfterValidator(_storable)] = ""


class CleanupWish(Wish):
    """Whether anything is to be removed. `keep_runs_days` was said by earlier versions: it is a setting now."""

    keep_runs_days: Annotated[int, Field(ge=1)] | None = None
    dry_run: bool = False


class ReportsWish(Wish):
    """Which reports are to be made."""

    report: Literal["weekly", "monthly"]
    time_zone: ZoneName = "UTC"


class BackupWish(Wish):
    """Whether a backup is made, or the newest one restored on trial."""

    action: Literal["make", "verify"] = "make"


class BenchmarkWish(Wish):
    """What is to be compared."""

    days: Annotated[int, Field(ge=1, le=3650)] = 365


class HealthWish(Wish):
    """Nothing to choose."""


@dataclass(frozen=True)
class Schedulable(Generic[W]):
    """A kind of job for schedules: what they say about it, and what its job is then given."""

    kind: Kind[Any]
    wish: type[W]
    payload: Callable[[W, Declaration | None], Payload]
    """From the wish, and the tenant's own declaration that it names as it is at that moment."""
    check: Callable[[Connection, W], object] = lambda _connection, _wish: None
    """Raises `Invalid` for what the transaction's tenant does not have."""
    of_tenants: bool = True

    def read(self, payload: Mapping[str, Any]) -> W:
        """A payload that fits the kind; raises `Invalid` (`invalid_payload`) with each field that does not."""
        try:
            return self.wish.model_validate(payload)
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False)
            problems = tuple(Problem(".".join(map(str, ("payload", *e["loc"]))), e["type"], worded(e)) for e in found)
        message = f"The payload does not fit the kind {self.kind.name}: {', '.join(p.loc for p in problems)}."
        raise Invalid(message, code="invalid_payload", problems=problems)

    def trial(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """The same work, that changes nothing and says what it would; raises `Invalid` where there is no such thing."""
        if "dry_run" in self.wish.model_fields:
            return dict(payload) | {"dry_run": True}
        message = f"A job of the kind {self.kind.name} has no dry run. Start it without dry_run."
        raise Invalid(message, code="no_dry_run", problems=(Problem("dry_run", "no_dry_run", message),))

    def order(self, payload: Mapping[str, Any], declaration: Declaration | None) -> Payload:
        """What a job of now is given; raises `Invalid` for what a later version has written."""
        return self.payload(self.read(payload), declaration)


def _package(wish: PackageWish, declaration: Declaration | None) -> Payload:
    kind = PackageType.model_validate(declaration) if declaration else builtin_packages().get(wish.package_type)
    # One that was taken away since: its job says so, where people look.
    return PackagePayload.of(kind, wish.options) if kind else PackagePayload(**dict(wish))


def _check_package(connection: Connection, wish: PackageWish) -> None:
    try:
        chosen(KnownPackages.of_tenant(connection).named(wish.package_type), wish.options)
    except Invalid as error:
        problems = tuple(Problem(f"payload.{p.loc}", p.code, p.message) for p in error.problems)
        raise Invalid(error.message, code=error.error_code, problems=problems) from None


SCHEDULABLE: dict[str, Schedulable[Any]] = {
    one.kind.name: one
    for one in (
        Schedulable(PACKAGE, PackageWish, _package, _check_package),
        Schedulable(ECHO, EchoWish, lambda wish, _declaration: EchoPayload(**dict(wish))),
        Schedulable(REPORTS, ReportsWish, lambda wish, _declaration: ReportsPayload(**dict(wish)), of_tenants=False),
        Schedulable(BACKUP, BackupWish, lambda wish, _declaration: BackupPayload(**dict(wish)), of_tenants=False),
        Schedulable(
            CLEANUP, CleanupWish, lambda wish, _declaration: CleanupPayload.of(dry_run=wish.dry_run), of_tenants=False
        ),
        Schedulable(BENCHMARK, BenchmarkWish, lambda wish, _: BenchmarkPayload(**dict(wish)), of_tenants=False),
        Schedulable(HEALTH, HealthWish, lambda _wish, _declaration: HealthPayload(), of_tenants=False),
    )
}
"""By the kind's name."""


def schedulable(name: str, *, of_tenants: bool) -> Schedulable[Any]:
    """The kind of that name; raises `Invalid` (`unknown_kind`) where schedules, or those of tenants, have none."""
    found = SCHEDULABLE.get(name)
    if found is None or (of_tenants and not found.of_tenants):
        known = ", ".join(sorted(name for name, one in SCHEDULABLE.items() if one.of_tenants or not of_tenants))
        message = f"A schedule cannot begin a job of the kind {name[:50]!r}. It can: {known}."
        raise Invalid(message, code="unknown_kind", problems=(Problem("kind", "unknown_kind", message),))
    return found

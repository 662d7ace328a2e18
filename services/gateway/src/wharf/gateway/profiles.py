"""A tenant's profiles: written by its admins, checked against each other and against the datasets that are there."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from wharf.common.errors import Conflict, Invalid, NotFound, Problem
from wharf.common.ledger.models import Dataset, OwnProfile, SavedMapping
from wharf.common.profiles import KnownProfiles, Profile, builtin_profiles
from wharf.common.profiles.checks import Reference
from wharf.gateway.authentication import Member

MOST = 200
"""Profiles of a tenant's own: each is tried on a file whose profile nobody named."""
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('profiles of ' || %(tenant)s::text, 0))"


def check_profile(connection: Connection, name: str | None) -> None:
    """Refuse a profile that there is not: `Invalid` (`unknown_profile`)."""
    if name is None or name in builtin_profiles():
        return
    try:
        KnownProfiles.of_tenant(connection).named(name)
    except Invalid as error:
        problem = Problem("body.profile", error.error_code, error.message)
        raise Invalid(error.message, code=error.error_code, problems=(problem,)) from None


def find_profile(connection: Connection, name: str) -> Profile:
    """The tenant's own profile of that name, else the built-in one; raises `NotFound`."""
    try:
        return KnownProfiles.of_tenant(connection).named(name)
    except Invalid as error:
        raise NotFound(error.message, code=error.error_code) from None


def own_names(connection: Connection) -> frozenset[str]:
    """Those that the tenant has written."""
    return frozenset(connection.scalars(select(OwnProfile.name)))


def has_dataset(connection: Connection, name: str) -> bool:
    """Whether rows of that profile have been loaded."""
    return connection.execute(select(Dataset.profile).where(Dataset.profile == name)).first() is not None


def create(connection: Connection, member: Member, profile: Profile) -> None:
    """Write a new profile; raises `Conflict` where there is one of that name."""
    _alone(connection, member)
    if profile.name in KnownProfiles.of_tenant(connection).by_name:
        message = f"There is a profile {profile.name} already. Change it with PUT /api/v1/profiles/{profile.name}."
        raise _refused("body.name", "profile_exists", message)
    write(connection, member, profile)


def write(connection: Connection, member: Member, profile: Profile) -> bool:
    """Write a profile, the first time or again; gives whether the tenant had none of that name.

    Raises `Invalid` for one that does not fit the others, `Conflict` for one that does not fit its dataset.
    """
    _alone(connection, member)
    known = KnownProfiles.of_tenant(connection)
    for refused in (*_too_many(connection, profile), *_clashes(known, profile), *_lost_references(known, profile)):
        raise refused
    _check_datasets(connection, profile)
    declaration = profile.to_keep()
    values = {"tenant_id": member.tenant_id, "name": profile.name, "declaration": declaration}
    changed = {"declaration": declaration, "updated_at": func.now()}
    written = (
        insert(OwnProfile).values(values).on_conflict_do_update(index_elements=["tenant_id", "name"], set_=changed)
    )
    connection.execute(written)
    return profile.name not in known.by_name


def remove(connection: Connection, name: str) -> None:
    """Take a tenant's own profile away; a built-in one of that name is there again. Its dataset stays.

    Raises `NotFound`, and `Conflict` for a built-in one.
    """
    if connection.execute(delete(OwnProfile).where(OwnProfile.name == name)).rowcount:
        connection.execute(delete(SavedMapping).where(SavedMapping.profile == name))
        return
    find_profile(connection, name)
    message = f"{name} is built in: it cannot be removed. A profile of your own of that name goes before it."
    raise _refused("path.name", "builtin_profile", message)


def _alone(connection: Connection, member: Member) -> None:
    """One after the other, until the transaction's end: none is counted or named while another comes."""
    connection.exec_driver_sql(LOCK, {"tenant": member.tenant_id})


def _too_many(connection: Connection, profile: Profile) -> Iterator[Invalid]:
    others = select(func.count()).select_from(OwnProfile).where(OwnProfile.name != profile.name)
    if connection.execute(others).scalar_one() >= MOST:
        yield _wrong("name", "too_many_profiles", f"There may be {MOST} profiles. Remove one that is not used.")


def _clashes(known: KnownProfiles, profile: Profile) -> Iterator[Invalid]:
    """Two profiles must not fill one dataset."""
    for other in known.by_name.values():
        both = set(other.dataset_names) & set(profile.dataset_names)
        if other.name != profile.name and both:
            message = f"The profile {other.name} fills the dataset {min(both)} already. Choose another name."
            yield _wrong("name", "dataset_taken", message)


def _lost_references(known: KnownProfiles, profile: Profile) -> Iterator[Invalid]:
    """What a check refers to must be there, and be a value of the same type."""
    for column, check in profile.across_rows:
        if not isinstance(check, Reference):
            continue
        other = profile if check.profile == profile.name else known.by_name.get(check.profile)
        if other is None or other.column_types.get(check.column) != column.type:
            message = f"{column.name}: there is no profile {check.profile} with a column {check.column} of the type "
            yield _wrong(f"columns.{column.name}", "unknown_reference", f"{message}{column.type}.")


def _check_datasets(connection: Connection, profile: Profile) -> None:
    """A dataset's columns are added to, never changed: rows that are loaded keep their types and their key."""
    query = select(Dataset.profile, Dataset.definition).where(Dataset.profile.in_(profile.dataset_names))
    for row in connection.execute(query):
        old = {c["name"]: c["type"] for c in row.definition["columns"]}
        changed = sorted(n for n, kind in profile.column_types.items() if old.get(n, kind) != kind)
        if changed:
            message = f"The dataset {row.profile} has rows: the type of {', '.join(changed)} cannot be changed."
            raise _refused("body.columns", "dataset_differs", f"{message} Add a column, or a profile, of another name.")
        key = list(profile.key) if row.profile == profile.name else row.definition.get("key")
        if key != (row.definition.get("key") or []):
            message = f"The dataset {row.profile} has rows: its key cannot be changed. Add a profile of another name."
            raise _refused("body.key", "dataset_differs", message)


def _refused(loc: str, code: str, message: str) -> Conflict:
    return Conflict(message, code=code, problems=(Problem(loc, code, message),))


def _wrong(field: str, code: str, message: str) -> Invalid:
    return Invalid(message, code=code, problems=(Problem(f"body.{field}", code, message),))

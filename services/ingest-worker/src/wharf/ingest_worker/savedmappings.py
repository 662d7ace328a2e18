"""Mappings that somebody gave once, for the next file with the same headers."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from wharf.common.clock import new_id
from wharf.common.corrections import is_ours
from wharf.common.ledger.models import SavedMapping
from wharf.ingest_worker.reading.header import normalised
from wharf.ingest_worker.reading.mapping import named

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from wharf.common.profiles import Profile

MOST = 200
"""The newest mappings that a file's headers are compared with."""
ALIKE = 0.5
"""The share of headers that must be the same for a mapping to be used for a file that has changed."""


@dataclass(frozen=True, slots=True)
class Known:
    """One mapping, and the headers of the file that it was given for."""

    id: UUID
    profile: str
    import_id: UUID
    fingerprint: str
    headers: tuple[str, ...]
    mapping: Mapping[str, str | None]

    @property
    def names(self) -> frozenset[str]:
        """The headers as they are compared."""
        return names_in(self.headers)

    def fits(self, profile: Profile | None, names: frozenset[str]) -> bool:
        """Whether its columns are still the profile's, and its headers still the file's."""
        sources, targets = set(map(normalised, self.mapping)), set(self.mapping.values()) - {None}
        return profile is not None and targets <= set(profile.column_types) and sources <= names


@dataclass(frozen=True, slots=True)
class Drift:
    """How a file's headers differ from those that a mapping was given for."""

    mapping_id: UUID
    import_id: UUID
    profile: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    reused: bool
    """Whether the mapping was used all the same: all the headers that it names are there."""

    @property
    def sentence(self) -> str:
        """What changed, for a person."""
        new = f" New: {', '.join(self.added[:10])}." if self.added else ""
        gone = f" Gone: {', '.join(self.removed[:10])}." if self.removed else ""
        used = "used all the same, as all its headers are there" if self.reused else "not used"
        return f"The headers are not those that a mapping was saved for; it was {used}.{new}{gone}"

    def as_dict(self) -> dict[str, Any]:
        """As a result shows it."""
        return asdict(self)

    @classmethod
    def between(cls, known: Known, header: Sequence[str], *, reused: bool) -> Self:
        """From the headers of that mapping to these."""
        here = names_in(header)
        added = tuple(name for name in header if normalised(name) in here - known.names)
        removed = tuple(name for name in known.headers if normalised(name) not in here)
        return cls(known.id, known.import_id, known.profile, added[:100], removed[:100], reused)


def names_in(header: Sequence[str]) -> frozenset[str]:
    """Headers as they are compared, but for those that Wharf writes into a file of rejects."""
    return frozenset(normalised(name) for name in named(header) if not is_ours(name))


def fingerprint(header: Sequence[str]) -> str:
    """The same for the same headers, in any order and spelling."""
    return hashlib.sha256("\x1f".join(sorted(names_in(header))).encode()).hexdigest()[:32]


def known_mappings(connection: Connection, profile: str | None) -> list[Known]:
    """The tenant's newest, of one profile or of all."""
    columns = (
        SavedMapping.id, SavedMapping.profile, SavedMapping.import_id, SavedMapping.fingerprint,
        SavedMapping.headers, SavedMapping.mapping,
    )  # fmt: skip
    query = select(*columns).order_by(SavedMapping.used_at.desc(), SavedMapping.id.desc()).limit(MOST)
    if profile is not None:
        query = query.where(SavedMapping.profile == profile)
    return [
        Known(r.id, r.profile, r.import_id, r.fingerprint, tuple(r.headers), r.mapping)
        for r in connection.execute(query)
    ]


def same(known: Iterable[Known], header: Sequence[str], profiles: Mapping[str, Profile]) -> Known | None:
    """The newest mapping for exactly these headers that can still be used."""
    print_, names = fingerprint(header), names_in(header)
    return next((k for k in known if k.fingerprint == print_ and k.fits(profiles.get(k.profile), names)), None)


def nearest(known: Iterable[Known], header: Sequence[str]) -> Known | None:
    """The newest mapping for a file much like this one; None where there is none."""
    names = names_in(header)
    likeness = [(len(k.names & names) / len(k.names | names), k) for k in known]
    best = max(likeness, key=lambda pair: pair[0], default=None)
    return best[1] if best and best[0] >= ALIKE else None


def remember(connection: Connection, tenant_id: UUID, known: Known) -> None:
    """Keep a mapping that was given; the newest for the same headers goes before."""
    own = {"tenant_id": tenant_id, **asdict(known), "headers": list(known.headers)}
    statement = insert(SavedMapping).values(own)
    said = {name: statement.excluded[name] for name in ("headers", "mapping", "import_id")} | {"used_at": func.now()}
    unique = ["tenant_id", "profile", "fingerprint"]
    connection.execute(statement.on_conflict_do_update(index_elements=unique, set_=said))


def note_use(connection: Connection, mapping_id: UUID) -> None:
    """It was used again."""
    connection.execute(update(SavedMapping).where(SavedMapping.id == mapping_id).values(used_at=func.now()))


def given(profile: str, import_id: UUID, header: Sequence[str], mapping: Mapping[str, str | None]) -> Known:
    """A mapping as it came with an import."""
    return Known(new_id(), profile, import_id, fingerprint(header), named(header), dict(mapping))

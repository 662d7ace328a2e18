"""Which source header brings which column of the profile, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from wharf.common.errors import Invalid, Problem
from wharf.common.profiles import Column, ColumnType, Profile
from wharf.ingest_worker.reading.header import normalised

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

EXACT_SCORE: Final = 1.0
ALIAS_SCORE: Final = 0.95
ALIAS_STEP: Final = 0.005
"""An alias that the profile names earlier is the better one."""
SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class Match:
    """One source column: its header, its place, the profile's column that it brings (None: `properties`)."""

    source: str
    position: int
    target: str | None = None
    score: float = 0.0
    reason: str | None = None
    """`given`, `exact` or `alias`."""

    def as_dict(self) -> dict[str, Any]:
        """As the contract shows it."""
        return {"source": self.source, "target": self.target, "score": self.score, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Every source column in the file's order."""

    matches: tuple[Match, ...]

    def sources_of(self, column: str) -> tuple[int, ...]:
        """Positions of the source columns that bring a profile's column; several for a list only."""
        return tuple(m.position for m in self.matches if m.target == column)

    @property
    def unknown(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """What goes to `properties`: (header, positions), a repeated header once."""
        found: dict[str, tuple[int, ...]] = {}
        for match in self.matches:
            if match.target is None:
                found[match.source] = (*found.get(match.source, ()), match.position)
        return tuple(found.items())

    def as_dict(self) -> list[dict[str, Any]]:
        """The `mapping` of an inspection or import, as the contract shows it."""
        return [match.as_dict() for match in self.matches]

    def to_dict(self) -> list[dict[str, Any]]:
        """Everything, for a checkpoint."""
        return [asdict(match) for match in self.matches]

    @classmethod
    def from_dict(cls, kept: Iterable[Mapping[str, Any]]) -> Self:
        """The mapping that `to_dict` gave."""
        return cls(tuple(Match(**match) for match in kept))


def named(header: Sequence[str]) -> tuple[str, ...]:
    """The headers trimmed; a blank one is called by its place (`column_3`)."""
    return tuple(cell.strip() or f"column_{i}" for i, cell in enumerate(header, start=1))


def map_columns(header: Sequence[str], profile: Profile, given: Mapping[str, str] | None = None) -> ColumnMapping:
    """Give each column of the profile its source: as given, else by exact name, else by alias.

    Raises `Invalid`: `bad_mapping` (an unknown source or target), `missing_column` (a required one has no source).
    """
    names = named(header)
    stated = _given(names, profile, given or {})
    taken = {m.target for m in stated.values()}
    guesses = [
        guess
        for guess in _guesses(names, profile)
        if guess.position not in stated and (guess.target not in taken or _is_list(profile, guess.target))
    ]
    chosen = _best(guesses, profile) | stated
    mapping = ColumnMapping(tuple(chosen.get(i, Match(name, i)) for i, name in enumerate(names)))
    _require(mapping, profile, names)
    return mapping


def _given(names: Sequence[str], profile: Profile, given: Mapping[str, str]) -> dict[int, Match]:
    problems = [*_unknown_targets(profile, given), *_claimed_twice(profile, given)]
    found: dict[int, Match] = {}
    for source, target in given.items():
        places = _places(names, source)
        if not places:
            problems.append((source, f"The file has no column {source!r}. It has: {_shown(names)}."))
        for place in places if _is_list(profile, target) else places[:1]:
            found[place] = Match(names[place], place, target, EXACT_SCORE, "given")
    if problems:
        message = " ".join(text for _, text in problems)
        details = tuple(Problem(f"mapping.{source}", "bad_mapping", text) for source, text in problems)
        raise Invalid(message, code="bad_mapping", problems=details)
    return found


def _unknown_targets(profile: Profile, given: Mapping[str, str]) -> list[tuple[str, str]]:
    columns = [c.name for c in profile.columns]
    return [
        (source, f"The profile has no column {target!r}. It has: {_shown(columns)}.")
        for source, target in given.items()
        if target not in columns
    ]


def _claimed_twice(profile: Profile, given: Mapping[str, str]) -> list[tuple[str, str]]:
    often = {t for t, n in Counter(given.values()).items() if n > 1 and not _is_list(profile, t)}
    return [
        (source, f"The column {target!r} is given more than one source; it is no list.")
        for source, target in given.items()
        if target in often
    ]


def _places(names: Sequence[str], source: str) -> list[int]:
    """Where a header stands: as it is written, else in any spelling."""
    exact = [i for i, name in enumerate(names) if name == source.strip()]
    return exact or [i for i, name in enumerate(names) if normalised(source) and normalised(name) == normalised(source)]


def _guesses(names: Sequence[str], profile: Profile) -> list[Match]:
    """Every header with every column that it may bring."""
    found = []
    for place, name in enumerate(names):
        for column in profile.columns:
            score, reason = _score(normalised(name), column)
            if score:
                found.append(Match(name, place, column.name, score, reason))
    return found


def _score(header: str, column: Column) -> tuple[float, str | None]:
    if not header:
        return 0.0, None
    if header == normalised(column.name):
        return EXACT_SCORE, "exact"
    aliases = [normalised(alias) for alias in column.aliases]
    if header not in aliases:
        return 0.0, None
    return round(ALIAS_SCORE - ALIAS_STEP * min(aliases.index(header), 100), 3), "alias"


def _best(guesses: Sequence[Match], profile: Profile) -> dict[int, Match]:
    """One column for each header and one header for each column (lists take all): the best score, then the first."""
    chosen: dict[int, Match] = {}
    taken: set[str | None] = set()
    for guess in sorted(guesses, key=lambda m: (-m.score, m.position)):
        if guess.position in chosen or (guess.target in taken and not _is_list(profile, guess.target)):
            continue
        chosen[guess.position] = guess
        taken.add(guess.target)
    return chosen


def _is_list(profile: Profile, target: str | None) -> bool:
    return any(c.name == target and c.type is ColumnType.LIST for c in profile.columns)


def _require(mapping: ColumnMapping, profile: Profile, names: Sequence[str]) -> None:
    missing = [c.name for c in profile.required if not mapping.sources_of(c.name)]
    if not missing:
        return
    message = (
        f"The file has no column for {', '.join(missing)}, which {profile.title!r} requires. Found: {_shown(names)}. "
        "Say with a mapping which of these it is."
    )
    problems = tuple(Problem(name, "missing_column", f"No header of the file means {name}.") for name in missing)
    detail: dict[str, object] = {"missing": missing, "found": list(names[:SHOWN])}
    raise Invalid(message, code="missing_column", detail=detail, problems=problems)


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more

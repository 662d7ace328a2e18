"""Which source header brings which column of the profile, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Self

from wharf.common.corrections import IMPORT, is_ours
from wharf.common.errors import Invalid, Problem
from wharf.common.profiles import Column, ColumnType, Profile
from wharf.ingest_worker.reading.header import normalised, unwrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Given = Mapping[str, str | None]
    """Header to column, or to None: it brings none, whatever it is called."""

EXACT_SCORE: Final = 1.0
ALIAS_SCORE: Final = 0.95
ALIAS_STEP: Final = 0.005
"""An alias that the profile names earlier is the better one."""
WRAPPED: Final = 0.9
"""Of the score, where a header means a column only by what a pattern of the profile finds in it."""
SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class Match:
    """One source column: its header, its place, the profile's column that it brings (None: `properties`)."""

    source: str
    position: int
    target: str | None = None
    score: float = 0.0
    reason: str | None = None
    """`given`, `saved` (given for an earlier file), `exact`, `alias`, `pattern`; of a suggestion `fuzzy`, `content`."""
    kept_as: str | None = None
    """Its name in `properties`, where that is not the header itself."""

    @property
    def is_nothing(self) -> bool:
        """Whether somebody said that it brings no column."""
        return self.target is None and self.reason is not None

    def as_dict(self) -> dict[str, Any]:
        """As the contract shows it."""
        return {"source": self.source, "target": self.target, "score": self.score, "reason": self.reason}

    def name_in_properties(self) -> str | None:
        """Under which name the column is kept, where no column of the profile is it."""
        return None if self.target or is_ours(self.source) else self.kept_as or self.source


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Every source column in the file's order."""

    matches: tuple[Match, ...]

    def sources_of(self, column: str) -> tuple[int, ...]:
        """Positions of the source columns that bring a profile's column; several for a list only."""
        return tuple(m.position for m in self.matches if m.target == column)

    @property
    def unknown(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """What goes to `properties`: (name there, positions), a repeated header once."""
        found: dict[str, tuple[int, ...]] = {}
        for match in self.matches:
            if match.target is None and not is_ours(match.source):
                name = match.kept_as or match.source
                found[name] = (*found.get(name, ()), match.position)
        return tuple(found.items())

    @property
    def is_correction(self) -> bool:
        """Whether the file is a `rejects.csv` of ours: then a guard is taken off its cells."""
        return any(match.source == IMPORT for match in self.matches)

    def saved(self) -> ColumnMapping:
        """The same, where what was given was given for an earlier file."""
        return ColumnMapping(tuple(replace(m, reason="saved") if m.reason == "given" else m for m in self.matches))

    def as_dict(self, profile: Profile) -> list[dict[str, Any]]:
        """The `mapping` of an inspection or import, as the contract shows it, with what becomes of unmapped columns.

        `kept_as`: the name in `properties`; null where the column is mapped, or is left out.
        """
        keep = profile.keep_unknown
        return [m.as_dict() | {"kept_as": m.name_in_properties() if keep else None} for m in self.matches]

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


def expected_headers(profile: Profile) -> frozenset[str]:
    """The names under which files bring the profile's columns."""
    return frozenset(name for c in profile.columns for name in (c.name, *c.aliases))


def map_columns(header: Sequence[str], profile: Profile, given: Given | None = None) -> ColumnMapping:
    """Give each column of the profile its source: as given, else by exact name, by alias, by pattern.

    Raises `Invalid`: `bad_mapping` (an unknown source or target), `missing_column` (a required one has no source).
    """
    mapping = match_columns(header, profile, given)
    _require(mapping, profile, named(header))
    return mapping


def match_columns(header: Sequence[str], profile: Profile, given: Given | None = None) -> ColumnMapping:
    """The same, whether all required columns have a source or not. Raises `Invalid` (`bad_mapping`)."""
    names = named(header)
    stated = _given(names, profile, given or {})
    taken = {m.target for m in stated.values()}
    guesses = [
        guess
        for guess in _guesses(names, profile)
        if guess.position not in stated and (guess.target not in taken or _is_list(profile, guess.target))
    ]
    unknown = _unknown(names, profile)
    nothing = {i: replace(m, kept_as=unknown[i].kept_as) for i, m in stated.items() if m.target is None}
    chosen = _best(guesses, profile) | stated | nothing
    return ColumnMapping(tuple(chosen.get(i, unknown[i]) for i in range(len(names))))


def missing_columns(mapping: ColumnMapping, profile: Profile) -> list[str]:
    """The required columns that no header brings."""
    return [c.name for c in profile.required if not mapping.sources_of(c.name)]


def _unknown(names: Sequence[str], profile: Profile) -> list[Match]:
    """Each header as one that nobody knows; a wrapped one by what is inside, if no other header is called so."""
    plain = set(names)
    inner = [unwrapped(name, profile.header_patterns) for name in names]
    return [
        Match(name, i, kept_as=within if within and within not in plain else None)
        for i, (name, within) in enumerate(zip(names, inner, strict=True))
    ]


def _given(names: Sequence[str], profile: Profile, given: Given) -> dict[int, Match]:
    problems = [*_unknown_targets(profile, given), *_claimed_twice(profile, given)]
    found: dict[int, Match] = {}
    for source, target in given.items():
        places = _places(names, source, profile)
        if not places:
            problems.append((source, f"The file has no column {source!r}. It has: {listed(names)}."))
        for place in places if target is None or _is_list(profile, target) else places[:1]:
            found[place] = Match(names[place], place, target, EXACT_SCORE, "given")
    if problems:
        message = " ".join(text for _, text in problems)
        details = tuple(Problem(f"mapping.{source}", "bad_mapping", text) for source, text in problems)
        raise Invalid(message, code="bad_mapping", problems=details)
    return found


def _unknown_targets(profile: Profile, given: Given) -> list[tuple[str, str]]:
    columns = [c.name for c in profile.columns]
    return [
        (source, f"The profile has no column {target!r}. It has: {listed(columns)}.")
        for source, target in given.items()
        if target is not None and target not in columns
    ]


def _claimed_twice(profile: Profile, given: Given) -> list[tuple[str, str]]:
    often = {t for t, n in Counter(given.values()).items() if t and n > 1 and not _is_list(profile, t)}
    return [
        (source, f"The column {target!r} is given more than one source; it is no list.")
        for source, target in given.items()
        if target in often
    ]


def _places(names: Sequence[str], source: str, profile: Profile) -> list[int]:
    """Where a header stands: as it is written, else in any spelling, else wrapped."""
    meant = normalised(source)
    inner = [unwrapped(name, profile.header_patterns) or "" for name in names]
    return (
        [i for i, name in enumerate(names) if name == source.strip()]
        or [i for i, name in enumerate(names) if meant and normalised(name) == meant]
        or [i for i, name in enumerate(inner) if meant and normalised(name) == meant]
    )


def _guesses(names: Sequence[str], profile: Profile) -> list[Match]:
    """Every header with every column that it may bring."""
    found = []
    for place, name in enumerate(names):
        inner = unwrapped(name, profile.header_patterns)
        for column in profile.columns:
            score, reason = _score(normalised(name), column)
            if inner and not score:
                score, reason = round(WRAPPED * _score(normalised(inner), column)[0], 3), "pattern"
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
    """One column for each header and one header for each column (lists take all): the best score, then the first.

    What only a pattern finds stands back: `Custom field (Labels)` is none of the `Labels`.
    """
    chosen: dict[int, Match] = {}
    taken: dict[str | None, bool] = {}
    for guess in sorted(guesses, key=lambda m: (m.reason == "pattern", -m.score, m.position)):
        wrapped = guess.reason == "pattern"
        joins = _is_list(profile, guess.target) and taken.get(guess.target) is wrapped
        if guess.position in chosen or (guess.target in taken and not joins):
            continue
        chosen[guess.position] = guess
        taken[guess.target] = wrapped
    return chosen


def _is_list(profile: Profile, target: str | None) -> bool:
    return any(c.name == target and c.type is ColumnType.LIST for c in profile.columns)


def _require(mapping: ColumnMapping, profile: Profile, names: Sequence[str]) -> None:
    missing = missing_columns(mapping, profile)
    if not missing:
        return
    message = (
        f"The file has no column for {', '.join(missing)}, which {profile.title!r} requires. Found: {listed(names)}. "
        "Say with a mapping which of these it is."
    )
    problems = tuple(Problem(name, "missing_column", f"No header of the file means {name}.") for name in missing)
    detail: dict[str, object] = {"missing": missing, "found": list(names[:SHOWN])}
    raise Invalid(message, code="missing_column", detail=detail, problems=problems)


def listed(names: Sequence[str]) -> str:
    """Names for a sentence, the first hundred of them."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more

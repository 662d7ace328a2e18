"""Which column a header may mean that nobody knows: by nearly the same letters, or by what is in its cells.

Suggestions are shown by inspections and in errors. An import takes none of them by itself: a wrong one would load wrong
values without a word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rapidfuzz import fuzz, process

from wharf.common.profiles import ColumnType
from wharf.ingest_worker.reading.header import normalised
from wharf.ingest_worker.reading.mapping import ColumnMapping, Match

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wharf.common.profiles import Column, Profile

LEAST_ALIKE: Final = 80.0
"""Of a hundred: `quantty` and `quantity` have 93, `date` and `state` 67."""
SHORT: Final = 2
"""Names of so few letters are alike by chance."""
FUZZY_MOST: Final = 0.9
"""What a fuzzy match is worth at best: less than an alias."""
CONTENT_SCORE: Final = 0.4
READABLE: Final = {
    ColumnType.INTEGER: {"integer"},
    ColumnType.DECIMAL: {"integer", "decimal"},
    ColumnType.TIMESTAMP: {"timestamp"},
    ColumnType.BOOLEAN: {"boolean"},
}
"""The types that a source column may have whose cells a column of the profile can read."""


def suggested(mapping: ColumnMapping, profile: Profile, types: Sequence[str]) -> ColumnMapping:
    """The mapping with a suggestion for each header that has none; `types` are those of the source columns."""
    free = [c for c in profile.columns if not mapping.sources_of(c.name)]
    unknown = [m for m in mapping.matches if m.target is None and not m.is_nothing]
    found = _by_letters(unknown, free)
    rest = [m for m in unknown if m.position not in found]
    taken = {match.target for match in found.values()}
    found |= _by_content(rest, [c for c in free if c.required and c.name not in taken], types)
    return ColumnMapping(tuple(found.get(m.position, m) for m in mapping.matches))


def _by_letters(unknown: Sequence[Match], free: Sequence[Column]) -> dict[int, Match]:
    """The best pairs first; no header and no column twice."""
    names = {
        spelling: c.name for c in free for spelling in map(normalised, (c.name, *c.aliases)) if len(spelling) > SHORT
    }
    pairs = [
        (score, match, names[spelling])
        for match in unknown
        for spelling, score, _ in process.extract(
            normalised(match.source), list(names), scorer=fuzz.ratio, score_cutoff=LEAST_ALIKE, limit=3
        )
    ]
    found: dict[int, Match] = {}
    taken: set[str] = set()
    for score, match, target in sorted(pairs, key=lambda pair: (-pair[0], pair[1].position)):
        if match.position not in found and target not in taken:
            worth = round(FUZZY_MOST * score / 100, 3)
            found[match.position] = Match(match.source, match.position, target, worth, "fuzzy")
            taken.add(target)
    return found


def _by_content(unknown: Sequence[Match], needed: Sequence[Column], types: Sequence[str]) -> dict[int, Match]:
    """Where exactly one header is left whose cells a required column can read, and no other column wants it."""
    fits = {c.name: [m for m in unknown if types[m.position] in READABLE.get(c.type, set())] for c in needed}
    only = {name: matches[0] for name, matches in fits.items() if len(matches) == 1}
    wanted: Mapping[int, list[str]] = {m.position: [n for n, o in only.items() if o is m] for m in only.values()}
    return {
        m.position: Match(m.source, m.position, name, CONTENT_SCORE, "content")
        for name, m in only.items()
        if wanted[m.position] == [name]
    }

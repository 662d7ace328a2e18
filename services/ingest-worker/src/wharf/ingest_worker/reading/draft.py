"""A profile for a file of a kind that nobody has declared: its columns as they look, for somebody to correct."""

from __future__ import annotations

import re
import unicodedata
from itertools import chain, count
from typing import TYPE_CHECKING, Final

from wharf.common.corrections import is_ours
from wharf.common.profiles import Column, ColumnType, Profile
from wharf.common.profiles.schema import OURS
from wharf.ingest_worker.reading.header import normalised

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from wharf.ingest_worker.reading.look import Look

MOST: Final = 1000
"""Columns of a profile."""
LONGEST_NAME: Final = 40
"""Letters of a name that is made here: there is room for a number behind it."""
LONGEST_ALIAS: Final = 200
NO_LETTER: Final = re.compile(r"[^a-z0-9]+")
HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
ENDINGS: Final = re.compile(r"(\.(csv|tsv|tab|psv|txt|xlsx|xlsm|json|jsonl|ndjson|gz|zip|bz2|xz|zst))+$", re.IGNORECASE)
WORDS: Final = re.compile(r"[^\W_]+")
NAMELESS: Final = "table"
DIGITS_FIRST: Final = "col_"
"""Before a name that begins with a digit, such as 2025 of a table by years."""


def drafted(called: str, look: Look, taken: Collection[str]) -> Profile | None:
    """The profile that such a file may be meant by; None where no column of it is data.

    `called`: the name of the file, or of the sheet. `taken`: names of datasets that there are. The key's columns are
    required: a row without it is no row.
    """
    sources = _sources([column.name for column in look.columns])[:MOST]
    names = list(_names([look.columns[places[0]].name for places in sources]))
    # Half of a key would make one row of many.
    key = frozenset(look.key if set(look.key) <= {places[0] for places in sources} else ())
    columns = tuple(_column(look, places, name, key) for places, name in zip(sources, names, strict=True))
    if not columns:
        return None
    title = _title(called)
    name = next(each for each in _numbered(_name_of(title)) if each not in taken)
    return Profile(name=name, title=title, key=tuple(c.name for c in columns if c.required), columns=columns)


def _sources(headers: Sequence[str]) -> list[list[int]]:
    """The places of each header that is data, those that differ only in spelling together.

    One without a letter or digit, such as `%`, is none: no profile can claim it, and it is kept in `properties`.
    """
    found: dict[str, list[int]] = {}
    for place, header in enumerate(headers):
        if not is_ours(header) and len(header) <= LONGEST_ALIAS and (spelling := normalised(header)):
            found.setdefault(spelling, []).append(place)
    return list(found.values())


def _column(look: Look, places: Sequence[int], name: str, key: Collection[int]) -> Column:
    """A header that is repeated is a list, as it is where a profile does not know it."""
    first = look.columns[places[0]]
    kind = ColumnType.LIST if len(places) > 1 else ColumnType(first.type)
    header = first.name.replace("\0", "")
    return Column(name=name, type=kind, required=places[0] in key, aliases=() if header == name else (header,))


def _names(headers: Sequence[str]) -> Iterator[str]:
    """A name for each header that no other one has, and that is not how another header is spelt.

    Of `Код A` and `A` the first is not called `a`: the other header would bring its column.
    """
    taken, spellings = set(OURS), {normalised(header) for header in headers}
    for place, header in enumerate(headers, start=1):
        for name in _numbered(_slug(header) or f"field_{place}"):
            if name not in taken and (normalised(name) == normalised(header) or normalised(name) not in spellings):
                break
        taken.add(name)
        yield name


def _slug(text: str) -> str:
    """A text as databases name things: `Order No.` is order_no, `Größe` is grosse; empty where no letter is left."""
    plain = unicodedata.normalize("NFKD", HUMP.sub(" ", text).casefold())
    letters = "".join(c for c in plain if not unicodedata.combining(c))
    name = NO_LETTER.sub("_", letters).strip("_")
    return f"{DIGITS_FIRST}{name}"[:LONGEST_NAME] if name[:1].isdigit() else name[:LONGEST_NAME].rstrip("_")


def _numbered(name: str) -> Iterator[str]:
    """The name, and with 2, 3, 4 … behind it."""
    return chain((name,), (f"{name}_{nth}" for nth in count(2)))


def _title(called: str) -> str:
    """What the file is called, without its ending and the numbers of its month: `sales_2025-11.csv` is Sales."""
    words = [word for word in WORDS.findall(ENDINGS.sub("", called)) if not word.isdigit()]
    title = " ".join(words)[:LONGEST_ALIAS] or NAMELESS
    return title[:1].upper() + title[1:]


def _name_of(title: str) -> str:
    """Tables of Wharf's own begin with staging_ and end with _key."""
    name = _slug(title) or NAMELESS
    if name.startswith("staging_"):
        name = f"{NAMELESS}_{name}"
    return f"{name}s" if name.endswith("_key") else name

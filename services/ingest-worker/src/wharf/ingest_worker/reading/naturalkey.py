"""Which columns of a sample tell its rows apart, such as an order's number, or an order's number and a line's.

It is a guess: a sample cannot show that the rest of the file agrees, so somebody looks at it before it is used.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow.compute as pc

from wharf.common.corrections import is_ours
from wharf.common.profiles import ColumnType
from wharf.ingest_worker.reading.cells import longest, trimmed
from wharf.ingest_worker.reading.header import normalised

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

IDENTIFYING: Final = frozenset(
    [
        "id",
        "ids",
        "key",
        "no",
        "nr",
        "num",
        "number",
        "code",
        "sku",
        "tag",
        "uuid",
        "guid",
        "ref",
        "reference",
        "identifier",
        "serial",
        "line",
        "item",
        "nummer",
        "kennung",
        "numero",
        "número",
        "numéro",
        "codigo",
        "código",
        "clave",
        "référence",
        "номер",
        "код",
    ]
)
"""Words of headers under which things have their numbers."""
WORD: Final = re.compile(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![^\W\d_A-Z])")
"""`orderNo`, `Order No.` and `order_no` are two words each."""
LONGEST_VALUE: Final = 64
"""Bytes of a value that a thing is called by; sentences differ, too, and are no key."""
ENOUGH: Final = 10
"""Rows that hardly differ in a column by chance."""
MOST_TRIED: Final = 12
"""Columns that are tried by twos."""


def natural_key(header: Sequence[str], types: Sequence[str], texts: Sequence[pa.Array]) -> tuple[int, ...]:
    """The places of the column, or the two, that differ in every row; () where there are none.

    A column is one if its header says that it identifies, or if it is the file's first.
    """
    names = list(header[: len(texts)])
    spelt = Counter(map(normalised, names))
    usable = [i for i, name in enumerate(names) if spelt[normalised(name)] == 1 and _may_identify(types[i], texts[i])]
    said = [i for i in usable if is_identifying(names[i]) and not is_ours(names[i])]
    first = [i for i in usable if i == 0 and len(texts[0]) >= ENOUGH]
    singles = [(i,) for i in (*said, *first)]
    together = (*singles, *combinations(said[:MOST_TRIED], 2))
    return next((places for places in together if _differ([texts[i] for i in places])), ())


def is_identifying(header: str) -> bool:
    """Whether a header has a word that says so: `Order No.`, `customerId`, `SKU`."""
    return any(word.lower() in IDENTIFYING for word in WORD.findall(header))


def _may_identify(kind: str, text: pa.Array) -> bool:
    cells = trimmed(text)
    return kind in {ColumnType.TEXT, ColumnType.INTEGER} and not cells.null_count and longest(cells) <= LONGEST_VALUE


def _differ(texts: Sequence[pa.Array]) -> bool:
    """Whether no two rows agree in all of these columns."""
    rows = len(texts[0])
    numbers = [np.asarray(pc.dictionary_encode(trimmed(text)).indices, dtype=np.int64) for text in texts]
    together = sum(each * rows**place for place, each in enumerate(numbers))
    return rows > 1 and len(np.unique(together)) == rows

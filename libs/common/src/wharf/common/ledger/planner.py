"""What PostgreSQL's planner cannot know of a tenant's tables, and is told while a statement runs.

Staging has no statistics. Those of a dataset do not know a project that came after they were made (on a large
dataset that may be days), nor an import that has not ended: each is taken to have one row. A loop over so few is the
cheapest plan then, and takes as long as one table has rows times as the other has.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, text

if TYPE_CHECKING:
    from collections.abc import Iterator

NO_LOOPS: Final = text("SET LOCAL enable_nestloop = off")
LOOPS: Final = text("SET LOCAL enable_nestloop = on")


@contextmanager
def joined(connection: Connection) -> Iterator[None]:
    """While this lasts tables are joined as wholes: that is never much longer than to read both of them.

    Only for what joins rows of a tenant's tables: the ledger's own are looked up by their indexes.
    """
    connection.execute(NO_LOOPS)
    yield
    connection.execute(LOOPS)

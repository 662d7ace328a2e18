"""What PostgreSQL's planner cannot know of a tenant's tables, and is told for the rest of a transaction.

Staging has no statistics. Those of a dataset do not know a project that came after they were made (on a large
dataset that may be days), nor an import that has not ended: each is taken to have one row. A loop over so few is the
cheapest plan then, and takes as long as one table has rows times as the other has.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import text

BY_HASH: Final = text("SET LOCAL enable_nestloop = off")
"""Tables are joined as wholes: that is never much longer than to read both of them."""
BY_INDEX: Final = text("SET LOCAL enable_nestloop = on")
"""Few rows may be looked up in an index; the statement sees to it that there is one for all that it asks."""

"""Where the rows of one import are, and what they were before it: in the dataset, and in its journal."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from psycopg import sql

from wharf.common.ledger.journal import Journal


@dataclass(frozen=True)
class Traces:
    """What a merge left in a dataset. In conditions, `d` may be a row of it; `own`, `later` are entries."""

    journal: Journal
    import_id: UUID
    turn: int
    project_id: str
    until: int | None
    """The turn of the first later import that replaced everything, and stands: the rows are in its journal now."""

    @property
    def place(self) -> sql.Composable:
        """The table in which the import's rows are."""
        return self.journal.table if self.until else self.journal.dataset

    @property
    def here(self) -> sql.Composed:
        """The rows `d` among which the import's are: those of the dataset, or those that a replacement removed."""
        project = sql.SQL("d.project_id = {}").format(self.project_id)
        return sql.SQL("{} AND d._turn = {}").format(project, self.until) if self.until else project

    @property
    def own(self) -> sql.Composed:
        """What the import changed or removed, as it was before."""
        return sql.SQL("own._turn = {} AND own.project_id = {}").format(self.turn, self.project_id)

    @property
    def later(self) -> sql.Composed:
        """Rows of the import that later ones have changed or removed."""
        later = sql.SQL("later._import_id = {} AND later._turn > {} AND later.project_id = {}").format(
            str(self.import_id), self.turn, self.project_id
        )
        return sql.SQL("{} AND later._turn < {}").format(later, self.until) if self.until else later

    def filled(self, statement: str, **more: sql.Composable) -> sql.Composed:
        """A statement with these places, conditions and the id; `as_it_was` sets all columns to those of `own`."""
        was = [sql.SQL("{} = {}").format(sql.Identifier(c), sql.Identifier("own", c)) for c in self.journal.columns]
        known = {
            "place": self.place,
            "table": self.journal.table,
            "here": self.here,
            "own": self.own,
            "later": self.later,
            "as_it_was": sql.SQL(", ").join(was),
            "id": sql.Literal(str(self.import_id)),
        }
        return sql.SQL(statement).format(**known, **more)

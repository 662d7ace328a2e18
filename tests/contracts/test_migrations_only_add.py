from __future__ import annotations

import re
from pathlib import Path

import pytest

REMOVES = re.compile(
    r"\b(DROP\s+(TABLE|COLUMN|FUNCTION|SCHEMA|POLICY|ROLE)|RENAME|SET\s+NOT\s+NULL|ALTER\s+COLUMN)\b", re.IGNORECASE
)
FIRST = 3
"""Before that there was no version whose processes could meet the new schema."""
ALLOWED = "-- contract:"
FIRST_CONCURRENT = 16
"""Those before build indexes that writers wait for, and have landed: docs/operations.md says what they lock."""
FEW_ROWS = frozenset({"webhooks"})
"""Tables that people fill by hand: an index of one is built in a moment."""
INDEX = re.compile(
    r"^\s*CREATE\s+(?:UNIQUE\s+)?INDEX\b(?!\s+CONCURRENTLY\b)[^;]*?\bON\s+(?:ONLY\s+)?wharf\.(\w+)",
    re.IGNORECASE | re.MULTILINE,
)
TABLE = re.compile(r"\bCREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?wharf\.(\w+)", re.IGNORECASE)


def locked(migration: str) -> set[str]:
    """Tables on which it builds an index while their writers wait. One that it makes itself has none yet."""
    return set(INDEX.findall(migration)) - set(TABLE.findall(migration)) - FEW_ROWS


def test_a_migration_takes_nothing_away_unmarked(texts: dict[Path, str]) -> None:
    """Processes of the version before go on while the new one is rolled out: docs/decisions/0006."""
    found = [
        f"{path.name}: {line.strip()}"
        for path, text in texts.items()
        if path.suffix == ".sql" and int(path.name[:4]) >= FIRST
        for line in text.splitlines()
        if REMOVES.search(line) and ALLOWED not in line and not line.startswith("--")
    ]
    assert found == []


def test_nobody_waits_for_an_index(texts: dict[Path, str]) -> None:
    """A table of jobs may have millions of rows: its indexes are built beside the work."""
    found = {
        path.name: tables
        for path, text in texts.items()
        if path.suffix == ".sql" and int(path.name[:4]) >= FIRST_CONCURRENT and (tables := locked(text))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("statement", "tables"),
    [
        ("CREATE INDEX ix_a ON wharf.jobs (queue) WHERE status = 'failed';", {"jobs"}),
        ("CREATE UNIQUE INDEX IF NOT EXISTS ix_a\n    ON ONLY wharf.uploads (id);", {"uploads"}),
        ("CREATE INDEX CONCURRENTLY ix_a ON wharf.jobs (queue);", set()),
        ("CREATE TABLE wharf.canaries (id uuid);\nCREATE INDEX ix_a ON wharf.canaries (id);", set()),
        ("-- As CREATE INDEX ix_a ON wharf.jobs (queue) would.", set()),
    ],
)
def test_such_an_index_is_found(statement: str, tables: set[str]) -> None:
    """However it is written; not one of a table that nobody has written to yet."""
    assert locked(statement) == tables


def test_indexes_that_may_be_made_before_are_those_of_the_migrations(texts: dict[Path, str]) -> None:
    """What docs/operations.md says for a large ledger, a migration then leaves out: name, columns and condition."""
    said = re.findall(r"^CREATE INDEX CONCURRENTLY (ix_[^;]+);", texts[Path("docs/operations.md")], re.MULTILINE)
    sql = " ".join(" ".join(text.split()) for path, text in texts.items() if path.suffix == ".sql")
    assert said
    assert [one for one in said if f"CREATE INDEX IF NOT EXISTS {' '.join(one.split())};" not in sql] == []

from __future__ import annotations

import re
from pathlib import Path

REMOVES = re.compile(
    r"\b(DROP\s+(TABLE|COLUMN|FUNCTION|SCHEMA|POLICY|ROLE)|RENAME|SET\s+NOT\s+NULL|ALTER\s+COLUMN)\b", re.IGNORECASE
)
FIRST = 3
"""Before that there was no version whose processes could meet the new schema."""
ALLOWED = "-- contract:"


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

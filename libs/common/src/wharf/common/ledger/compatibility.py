"""Which schemas a version of Wharf can work with: its own and newer ones.

A migration only adds; what an older version still needs goes one release later (expand, then contract). So while a new
version is rolled out the old processes go on, and a process that is newer than the ledger waits for `wharf migrate`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

VERSIONS = Path(__file__).parent / "migrations/versions"
OLDEST_SERVER = 150_000


@cache
def latest_revision() -> str:
    """The revision that this version of Wharf needs: by the files' names, since each service asks when it starts."""
    return max(path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*.py"))


def schema_problem(found: str | None) -> str | None:
    """What is wrong with a ledger at that revision, and what to do; None where nothing is."""
    if found is None:
        return "The ledger has no tables yet. Run: wharf migrate"
    if found < latest_revision():
        return f"The ledger has the schema {found}; this version needs {latest_revision()}. Run: wharf migrate"
    return None

"""A file of which nearly every row is bad must not fill the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import servers
from wharf.local.stack import LocalStack
from wharf.local.trial import Job, Trial

MOST = 1_000
HEADER = "transaction_id,date,quantity,unit_price\n"
GOOD = "G,2025-01-01,1,1\n"
BAD = "B,2025-01-01,many,1\n"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack of its own, whose ledger keeps few rejects of an import."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("WHARF_MAX_REJECTS", str(MOST))
        folder = tmp_path_factory.mktemp("flood")
        with servers() as given, LocalStack(folder, port=0, discard=True, **given) as running:
            yield running


def load(wharf: Trial, tmp_path: Path, project: str, bad: int) -> Job:
    """A file of one good row and so many bad ones."""
    file = tmp_path / "flood.csv"
    file.write_text(HEADER + GOOD + BAD * bad, encoding="utf-8")
    return wharf.load(file, profile="transactions", project_id=project)


def test_as_many_as_are_allowed_are_kept(wharf: Trial, tmp_path: Path, project: str) -> None:
    """The good row is loaded."""
    result = load(wharf, tmp_path, project, MOST)["result"]
    assert (result["inserted"], result["rejected"]) == (1, MOST)


def test_more_stop_the_import(wharf: Trial, tmp_path: Path, project: str) -> None:
    """Long before the end of the file: nothing is loaded, and what was set aside until then can be downloaded."""
    rows = 300_000
    job = load(wharf, tmp_path, project, rows)
    assert (job["status"], job["error"]["code"], job["error"]["retryable"]) == ("failed", "too_many_rejects", False)
    assert "1,000 bad rows" in job["error"]["message"]
    kept = job["error"]["detail"]["rejected"]
    assert MOST < kept < rows
    assert wharf.ask("SELECT 1 FROM wharf.data_updates WHERE project_id = %s", project) == []
    file = wharf.api.get(f"/api/v1/jobs/{job['job_id']}/rejects.csv").raise_for_status().text
    assert file.count("many") == kept

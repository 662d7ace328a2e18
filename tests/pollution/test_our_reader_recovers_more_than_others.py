"""Files polluted one way at a time: what is recovered of them without being told anything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.pollution.polluter import Polluted, pollute
from tests.pollution.readers import clevercsv_reader, duckdb_reader, wharf_reader
from tests.pollution.scorer import mean, score
from tests.pollution.tables import catalogue, from_csv, measurements, people

RETAIL = Path(__file__).parents[3] / "shared" / "data" / "real" / "online_retail_sample.csv"
GOAL = (9.9, 9.6)
"""Of ten: the mean of all files, and the mean by how often each kind is met."""
SPOILT = 12
"""Files of each kind that spoils one row, for each table."""


@pytest.fixture(scope="module")
def files() -> list[Polluted]:
    """Of three made tables, and of a real one where it is there."""
    tables = [catalogue(84, 1), measurements(60, 2), people(50, 3)]
    if RETAIL.is_file():
        tables.append(from_csv("retail", RETAIL.read_text("utf-8"), 80))
    return [file for table in tables for file in pollute(table, 7, SPOILT)]


def means(scores: list[tuple[Polluted, float]]) -> tuple[float, float]:
    """Simple and weighted."""
    return mean(scores), mean(scores, weighted=True)


def test_ours_reaches_the_goal_and_beats_duckdb_and_clevercsv(files: list[Polluted]) -> None:
    """All in one run, on the same files, scored alike."""
    ours, *others = (
        means([(file, score(file, reader(file.data))) for file in files])
        for reader in (wharf_reader, duckdb_reader, clevercsv_reader)
    )
    assert ours[0] >= GOAL[0], ours
    assert ours[1] >= GOAL[1], ours
    for other in others:
        assert ours[0] > other[0], (ours, other)
        assert ours[1] > other[1], (ours, other)


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_other_tables_are_read_as_well(seed: int) -> None:
    """Nothing in the detection knows the tables above."""
    made = [file for make in (catalogue, measurements, people) for file in pollute(make(40 + seed, seed), seed, 10)]
    found = means([(file, score(file, wharf_reader(file.data))) for file in made])
    assert found[0] >= GOAL[0], found
    assert found[1] >= GOAL[1], found


def test_the_scorer_sees_what_is_lost(files: list[Polluted]) -> None:
    """A row too few, a header too many, and a file that was not read."""
    whole = next(file for file in files if file.family == "as it is")
    found = wharf_reader(whole.data)
    assert found is not None
    assert score(whole, found) == 10
    assert 9 < score(whole, replace(found, rows=found.rows[1:])) < 10
    assert score(whole, None) == 0

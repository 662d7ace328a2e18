"""A little of `make kills`: every way to write, with fewer rows and fewer kills."""

from __future__ import annotations

import pytest

from tests.chaos.killing import WAYS, Killer
from tests.chaos.stack import Chaos

ROWS = 40_000
KILLS = 1


@pytest.fixture(scope="module")
def killer(stack: Chaos, tmp_path_factory: pytest.TempPathFactory) -> Killer:
    """Files that take about a second each, and go the direct way where it is open to them."""
    return Killer.prepared(stack.trial, tmp_path_factory.mktemp("kills"), ROWS, seed=5, longest_pause=0.6)


@pytest.mark.usefixtures("chaos")
@pytest.mark.parametrize("way", WAYS)
def test_killed_at_random_moments(killer: Killer, way: str) -> None:
    """Rows are exact by SQL, whatever was killed when; no checkpoint is gone back from."""
    told = killer.run(way, KILLS)
    assert told.wrong == []
    assert told.kills >= KILLS

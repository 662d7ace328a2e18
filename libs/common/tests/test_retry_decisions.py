from __future__ import annotations

import pytest

from wharf.common.errors import Invalid, Permanent, Transient
from wharf.common.jobs.kinds import ECHO
from wharf.common.jobs.states import Event
from wharf.common.runtime.retries import backoff, classify, judge


@pytest.mark.parametrize("failures", [1, 2, 3])
def test_a_transient_error_is_tried_three_times_more(failures: int) -> None:
    """The default is the first try and three retries."""
    assert judge(Transient("the world was not ready"), failures, ECHO.max_attempts, ECHO).event is Event.FAIL_FOR_NOW


def test_the_fourth_failure_is_the_last() -> None:
    """Then the job is a dead letter."""
    assert judge(Transient("the world was not ready"), 4, ECHO.max_attempts, ECHO).event is Event.FAIL


@pytest.mark.parametrize("error", [Permanent("no use"), Invalid("not a file")])
def test_what_cannot_get_better_is_final_at_once(error: Permanent | Invalid) -> None:
    """Permanent errors and bad input are not tried again."""
    assert judge(error, 1, ECHO.max_attempts, ECHO).event is Event.FAIL


def test_an_unclassified_error_is_transient_and_keeps_its_text_out_of_sight() -> None:
    """Nobody knows what the text of a foreign exception holds: the user sees its class and a sentence."""
    found = classify(ValueError("row: Alice, 4111 1111 1111 1111"))
    assert (found.retryable, "Alice" in found.message, "ValueError" in found.message) == (True, False, True)


@pytest.mark.parametrize(("failures", "ceiling"), [(1, 5), (2, 10), (3, 20), (8, 600), (60, 600)])
def test_delays_double_up_to_a_bound_with_full_jitter(failures: int, ceiling: float) -> None:
    """Between nothing and the doubled delay, spread over the whole of it."""
    delays = [backoff(failures, 5, 600) for _ in range(300)]
    assert 0 <= min(delays) < 0.2 * ceiling
    assert 0.8 * ceiling < max(delays) <= ceiling

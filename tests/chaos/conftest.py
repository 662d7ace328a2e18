"""One stack that can be broken, for all tests of a module."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.chaos import faults
from tests.chaos.cargo import LARGE_ROWS, SMALL_ROWS, Sample, Sender
from tests.chaos.stack import Chaos, chaos_stack


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chaos]:
    """The stack of the test build, behind proxies."""
    with chaos_stack(tmp_path_factory.mktemp("chaos")) as chaos:
        yield chaos


@pytest.fixture
def chaos(stack: Chaos) -> Iterator[Chaos]:
    """The same stack, with nothing armed by an earlier test."""
    stack.switchboard.disarm()
    yield stack
    stack.switchboard.disarm()
    # A test that failed may have left a process standing still.
    faults.signal_children(faults.POOL, signal.SIGCONT, stack)


@pytest.fixture
def sender(chaos: Chaos) -> Sender:
    """Submits and remembers."""
    return Sender(chaos)


@pytest.fixture(scope="package")
def small(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """A file that is loaded within a second."""
    return Sample.write(tmp_path_factory.mktemp("small"), SMALL_ROWS)


@pytest.fixture(scope="package")
def large(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """A file that takes seconds, in several batches."""
    return Sample.write(tmp_path_factory.mktemp("large"), LARGE_ROWS)

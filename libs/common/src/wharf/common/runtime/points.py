"""The places where a crash hurts most, by name: a test build stops or kills the process in each of them.

Each stands between two steps that cannot be one: whatever happens there, the ledger alone has to lead on.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class Point(StrEnum):
    """A place in production code where the fault suite kills."""

    AFTER_STORED = "after_stored"
    """Gateway: the object is in the storage, no row knows it yet."""
    AFTER_SUBMIT = "after_submit"
    """Gateway: the job is committed, nobody has rung."""
    AFTER_CLAIM = "after_claim"
    """Worker: the job is ours, nothing has been done."""
    BEFORE_FENCE = "before_fence"
    """Worker: the statements of a transaction are done, its fence is not."""
    AFTER_COMMIT = "after_commit"
    """Worker: a transaction of the job is committed, what the process remembers is older."""
    AFTER_BATCH = "after_batch"
    """Import: a batch of rows is staged and counted in the checkpoint."""
    BEFORE_MERGE_COMMIT = "before_merge_commit"
    """Import: dataset and account are written, not committed."""
    AFTER_MERGE = "after_merge"
    """Import: the dataset has the rows, the job does not say so."""
    BEFORE_END = "before_end"
    """Worker: the work is done, its end is not written."""
    AFTER_END = "after_end"
    """Worker: the end is written, nobody has been told."""
    AFTER_REAP = "after_reap"
    """Dispatcher: a dead worker's job is free again, nobody has rung."""
    BEFORE_PUBLISHED_MARK = "before_published_mark"
    """Dispatcher: the message is out, the ledger does not know it."""


def nothing(_name: str) -> None:
    """What happens at every point of a production build."""


hook: Callable[[str], None] = nothing
"""A test build puts its own in here, before it starts the service."""


def reach(name: str) -> None:
    """Say that the process has come to that point. Costs a call and nothing else."""
    hook(name)

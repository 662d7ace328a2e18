"""How Arrow uses a worker's process: one core, and memory that goes back."""

from __future__ import annotations

import ctypes
import sys
from typing import Final

import pyarrow as pa

ARENA_MAX: Final = -8  # mallopt's M_ARENA_MAX, from glibc's malloc.h


def restrain_arrow() -> None:
    """Call once in each worker process, before the first file.

    A process is one slot of the queue: parallel work is more slots. The system's allocator keeps less than
    Arrow's own between blocks.
    """
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    pa.set_memory_pool(pa.system_memory_pool())
    _share_one_arena()


def release_memory() -> None:
    """Give back what freed columns held; call between batches or files."""
    pa.default_memory_pool().release_unused()


def _share_one_arena() -> None:
    """Let glibc's threads share one heap: the reading thread's freed blocks serve the writing one (50 MB less)."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(ARENA_MAX, 1)

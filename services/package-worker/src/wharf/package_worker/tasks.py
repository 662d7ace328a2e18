"""The kinds of job that this worker runs."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from wharf.common.jobs.kinds import PACKAGE, REPORT
from wharf.common.runtime.implementation import Implementation
from wharf.package_worker.packages import run_package
from wharf.package_worker.reports import order_mail, run_report

# Before the pool forks: a process is one slot of the queue, and parallel work is more slots. The system's allocator
# keeps less than Arrow's own between batches.
pa.set_cpu_count(1)
pa.set_io_thread_count(1)
pa.set_memory_pool(pa.system_memory_pool())

IMPLEMENTATIONS: tuple[Implementation[Any], ...] = (
    Implementation(PACKAGE, run_package),
    Implementation(REPORT, run_report, follow=order_mail),
)

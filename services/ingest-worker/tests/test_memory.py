"""What Arrow takes of a machine."""

from __future__ import annotations

import subprocess
import sys

import pyarrow as pa


def test_openpyxl_is_loaded_with_the_first_workbook() -> None:
    """It takes 7 MB of each process, and most never see one."""
    program = "import sys; import wharf.ingest_worker.imports; print('openpyxl' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_arrow_is_kept_to_one_core_and_gives_memory_back() -> None:
    """In a process of its own, since it holds for the whole of one."""
    program = (
        "import pyarrow as pa; from wharf.ingest_worker.reading import restrain_arrow, release_memory; "
        "restrain_arrow(); release_memory(); print(pa.cpu_count(), pa.default_memory_pool().backend_name)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    leanest = "jemalloc" if "jemalloc" in pa.supported_memory_backends() else "system"
    assert done.stdout.split() == ["1", leanest]

"""Where it was measured."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

import psutil
import psycopg

PACKAGES = ("celery", "psycopg", "pyarrow", "fastapi", "uvicorn")


def machine(database_url: str) -> dict[str, str]:
    """The machine and the versions that matter, by name."""
    with psycopg.connect(database_url) as connection:
        server = connection.execute("SHOW server_version").fetchone()
    memory = psutil.virtual_memory().total / 2**30
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "PostgreSQL": f"{server[0] if server else '?'}, durable settings (fsync, full_page_writes, synchronous_commit)",
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
    }


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.machine()

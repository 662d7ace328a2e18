"""`wharf-ingest-worker`: the worker with our defaults; further arguments go to Celery."""

from __future__ import annotations

import sys

from wharf.common.errors import Invalid
from wharf.common.runtime.worker import start_worker
from wharf.common.startup import give_up


def main() -> None:
    """Start the worker; a setting that is missing or wrong is one sentence and exit code 2."""
    try:
        from wharf.ingest_worker.app import app  # noqa: PLC0415 - reads the settings
    except Invalid as error:
        give_up("wharf-ingest-worker", error)
    start_worker(app, sys.argv[1:])


if __name__ == "__main__":
    main()

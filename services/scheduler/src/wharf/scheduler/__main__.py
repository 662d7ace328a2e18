"""`wharf-scheduler`: beat and the dispatcher; `wharf-scheduler worker`: the maintenance worker."""

from __future__ import annotations

import sys

from wharf.common.errors import Invalid
from wharf.common.runtime.worker import start_worker
from wharf.common.startup import give_up


def main() -> None:
    """Start one of the two; a setting that is missing or wrong is one sentence and exit code 2."""
    try:
        from wharf.scheduler.app import app, settings  # noqa: PLC0415 - reads the settings
    except Invalid as error:
        give_up("wharf-scheduler", error)
    if sys.argv[1:2] == ["worker"]:
        start_worker(app, sys.argv[2:])
    else:
        app.Beat(loglevel=settings.log_level, pidfile=None, quiet=True).run()


if __name__ == "__main__":
    main()

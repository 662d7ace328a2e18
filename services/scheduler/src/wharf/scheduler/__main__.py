"""`wharf-scheduler`: beat and the dispatcher; `wharf-scheduler worker`: the maintenance worker."""

from __future__ import annotations

import sys

from wharf.common.errors import Invalid


def main() -> None:
    """Start one of the two; a setting that is missing or wrong is one sentence and exit code 2."""
    try:
        if sys.argv[1:2] == ["worker"]:
            _start_worker(sys.argv[2:])
        else:
            _start_beat()
    except Invalid as error:
        sys.exit(f"wharf-scheduler: {error.message}")


def _start_worker(arguments: list[str]) -> None:
    from wharf.common.runtime.worker import start_worker  # noqa: PLC0415 - reads the settings
    from wharf.scheduler.maintenance import app  # noqa: PLC0415 - reads the settings

    start_worker(app, arguments)


def _start_beat() -> None:
    from wharf.common.runtime.health import serve_health  # noqa: PLC0415 - reads the settings
    from wharf.scheduler.app import app  # noqa: PLC0415 - reads the settings

    dispatch = app.conf.wharf_dispatch
    settings = dispatch.settings
    serve_health(
        settings.metrics_host, settings.metrics_port, lambda: dispatch.beacon.fresh, lambda: dispatch.beacon.fresh
    )
    app.Beat(loglevel=settings.log_level, pidfile=None).run()


if __name__ == "__main__":
    main()

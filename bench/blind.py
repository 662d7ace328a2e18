"""`python -m bench.blind MODULE …`: a service of Wharf whose metrics and log lines do nothing.

What they cost is what the same work takes less without them. Nothing of the service's own code is another one.
"""

from __future__ import annotations

import logging
import runpy
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace

import prometheus_client
import structlog
from prometheus_client.metrics import MetricWrapperBase

from bench.yardstick import ROOT
from wharf.common import logs
from wharf.local.child import ChildSpec
from wharf.local.services import Site, wharf_services

UPDATES = {
    prometheus_client.Counter: ("inc",),
    prometheus_client.Gauge: ("inc", "dec", "set", "set_to_current_time"),
    prometheus_client.Histogram: ("observe",),
}


def blind_services(site: Site) -> Sequence[ChildSpec]:
    """The declarations of the real services, each as such a one."""
    return [_blind(spec) for spec in wharf_services(site)]


def _blind(spec: ChildSpec) -> ChildSpec:
    program, option, *rest = spec.command
    return replace(spec, command=(program, option, "bench.blind", *rest), folder=ROOT)


def nothing(*_args: object, **_options: object) -> None:
    """Instead of an update or a line."""


class Silent:
    """A logger whose every method does nothing."""

    def __getattr__(self, _name: str) -> object:
        return nothing


def count_nothing() -> None:
    """Let metrics be declared, and never change."""
    MetricWrapperBase.labels = lambda self, *_values, **_named: self  # type: ignore[method-assign]  # the purpose
    for kind, names in UPDATES.items():
        for name in names:
            setattr(kind, name, nothing)


def say_nothing() -> None:
    """Before any module of the service takes its logger: neither lines nor what they would carry."""
    silent = Silent()
    logs.get_logger = lambda: silent  # type: ignore[assignment,return-value]  # the purpose
    logs.configure_logs = lambda *_args: logging.disable(logging.CRITICAL)
    structlog.contextvars.bind_contextvars = nothing  # type: ignore[assignment]  # the purpose
    structlog.contextvars.clear_contextvars = nothing
    structlog.contextvars.bound_contextvars = lambda **_known: nullcontext()  # type: ignore[assignment]  # the purpose


def main() -> None:
    """Run the service named by the first argument, with the others."""
    count_nothing()
    say_nothing()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()

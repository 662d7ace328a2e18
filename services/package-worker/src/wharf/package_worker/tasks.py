"""The kinds of job that this worker runs: packages come with their issue, the runtime is here."""

from __future__ import annotations

from typing import Any

from wharf.common.runtime.implementation import Implementation

IMPLEMENTATIONS: tuple[Implementation[Any], ...] = ()

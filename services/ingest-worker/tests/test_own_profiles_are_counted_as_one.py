"""Metrics of imports: a built-in profile by its name, and all that tenants declare by one word."""

from __future__ import annotations

from uuid import uuid4

from wharf.common.builtin import OWN
from wharf.common.metrics import exposition
from wharf.ingest_worker.imports import _count
from wharf.ingest_worker.outcome import OUTCOMES


def test_no_tenants_name_becomes_a_label() -> None:
    """Names have no bound; series must have one."""
    name = f"evil_{uuid4().hex}"
    for profile in ("assets", name, f"{name}_2"):
        _count({"profile": profile} | dict.fromkeys(OUTCOMES, 3), 70)
    told = exposition().decode()
    assert name not in told
    assert 'wharf_import_bytes_total{profile="assets"}' in told
    assert f'wharf_import_bytes_total{{profile="{OWN}"}} 140.0' in told

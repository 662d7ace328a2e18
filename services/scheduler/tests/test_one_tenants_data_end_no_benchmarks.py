"""The week's benchmarks: what one tenant's table holds is in nobody else's way."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any

import pytest

from wharf.common.jobs.kinds import BENCHMARK, BenchmarkPayload
from wharf.scheduler.benchmarks import COLUMNS, LONGEST_BYTES, run_benchmarks

TYPES = {"timestamp": "timestamptz", "text": "text", "integer": "bigint", "decimal": "numeric"}
DEFINITION = json.dumps({"columns": [{"name": name, "type": kind} for name, kind in COLUMNS.items()]})
TOO_LONG = secrets.token_hex(4_000)
"""At random: an index would take what can be compressed."""


@pytest.fixture
def sells(ledger, make_tenant):
    """A tenant that shares and has sold these, each by category, number and name; nothing: its table is not there."""
    made = []

    def sells(*products: tuple[str, str, str]) -> Any:
        tenant = make_tenant()
        made.append(tenant.id)
        ledger.ask("UPDATE wharf.tenants SET shares_benchmarks = true WHERE id = %s", tenant.id)
        ledger.ask(
            "INSERT INTO wharf.datasets (tenant_id, profile, schema_name, table_name, definition)"
            " VALUES (%s, 'transactions', %s, 'transactions', %s)", tenant.id, tenant.name, DEFINITION,
        )  # fmt: skip
        if products:
            columns = ", ".join(f"{name} {TYPES[kind]}" for name, kind in COLUMNS.items())
            ledger.ask(f"CREATE SCHEMA {tenant.name} CREATE TABLE transactions (project_id text, {columns})")
            ledger.ask(f"GRANT USAGE ON SCHEMA {tenant.name} TO wharf_app")
            ledger.ask(f"GRANT SELECT ON {tenant.name}.transactions TO wharf_app")
        for sold in products:
            values = "'p', now() - interval '1 day', %s, %s, %s, 1, 10"
            ledger.ask(f"INSERT INTO {tenant.name}.transactions VALUES ({values})", *sold)
        return tenant

    yield sells
    for table in ("benchmark_runs", "benchmark_values", "benchmarks", "benchmark_shares", "datasets"):
        ledger.ask(f"DELETE FROM wharf.{table} WHERE tenant_id = ANY (%s)", made)


@pytest.fixture
def calculate(attempt) -> Callable[[], dict[str, Any]]:
    """Run the week's job; its result."""
    return lambda: run_benchmarks(attempt(BENCHMARK, BenchmarkPayload()))


def test_one_that_cannot_be_calculated_is_counted_and_the_others_go_on(ledger, sells, calculate):
    """Whoever comes before it and after it: it keeps what it had."""
    tenants = [sells(("Toys", "T1", "Train")), sells(), sells(("Toys", "T1", "Train"))]
    assert calculate()["failed"] == 1
    runs = "SELECT tenant_id FROM wharf.benchmark_runs WHERE tenant_id = ANY (%s) ORDER BY tenant_id"
    found = ledger.ask(runs, [tenant.id for tenant in tenants])
    assert [row["tenant_id"] for row in found] == [tenants[0].id, tenants[2].id]


def test_names_that_no_index_takes_are_left_out(ledger, sells, calculate):
    """Of a product whose number is short and whose name is long the tenant has its figures, and shares none of them."""
    most = "x" * LONGEST_BYTES
    tenant = sells((TOO_LONG, TOO_LONG, "Train"), (most, "T1", TOO_LONG), ("Toys", "T2", "Kite"))
    assert calculate()["failed"] == 0
    named = "SELECT DISTINCT {0} AS n FROM wharf.{1} WHERE tenant_id = %s AND level = %s ORDER BY 1"

    def names(column: str, table: str, level: str) -> list[str]:
        return [row["n"] for row in ledger.ask(named.format(column, table), tenant.id, level)]

    assert names("name", "benchmark_values", "category") == sorted(["Toys", most])
    assert names("name", "benchmark_values", "product") == ["T1", "T2"]
    assert names("peer", "benchmark_shares", "product") == ["kite"]

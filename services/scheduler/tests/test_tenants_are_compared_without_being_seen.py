"""The comparison of tenants: of what is shared, among enough of them, and seen by those who give."""

from __future__ import annotations

import pytest
from sqlalchemy import text

POOL = text("SELECT wharf.pool_benchmarks('transactions')")
SEEN = text("SELECT peer, tenants, q1, median, q3 FROM wharf.benchmark_pool WHERE level = 'category' ORDER BY peer")
GIVE = """
    INSERT INTO wharf.benchmark_shares (tenant_id, profile, level, name, metric, peer, value, weight)
    VALUES (%s, 'transactions', 'category', %s, 'amount', lower(%s), %s, %s)"""


@pytest.fixture
def give(ledger, make_tenant):
    """Let tenants share a category, each with a value; gives the tenants. They take nothing into other tests."""
    made = []

    def give(name, *values, shares=True):
        tenants = [make_tenant() for _ in values]
        for tenant, value in zip(tenants, values, strict=True):
            ledger.ask("UPDATE wharf.tenants SET shares_benchmarks = %s WHERE id = %s", shares, tenant.id)
            ledger.ask(GIVE, tenant.id, name, name, value, abs(value))
        made.extend(tenants)
        return tenants

    yield give
    for tenant in made:
        ledger.ask("DELETE FROM wharf.benchmark_shares WHERE tenant_id = %s", tenant.id)


def seen_by(ledger, tenant) -> list[tuple]:
    """What the tenant's own role reads after a calculation."""
    with ledger.app.anyone() as connection:
        connection.execute(POOL)
    with ledger.app.tenant(tenant.id) as connection:
        return [tuple(row) for row in connection.execute(SEEN)]


def test_five_are_enough_and_four_are_not(ledger, give):
    """Quartiles in two digits: with few tenants an exact quartile would be one tenant's number."""
    [one, *_] = give("Toys", 1011, 2022, 3033, 4044, 5055)
    give("Books", 1, 2, 3, 4)
    assert seen_by(ledger, one) == [("toys", 5, 2000.0, 3000.0, 4000.0)]


def test_none_may_have_most_of_it(ledger, give):
    """Of which one has more than half nothing is said, however many there are; a return is as large as a sale."""
    [one, *_] = give("Toys", 10, 10, 10, 10, 10, 51)
    give("Books", 10, 10, 10, 10, 10, 50)
    give("Games", 10, 10, 10, 10, 10, -51)
    assert [row[:2] for row in seen_by(ledger, one)] == [("books", 6)]


def test_only_those_who_share_are_compared_and_see_it(ledger, give, make_tenant):
    """One that took its word back counts no more; one that gives nothing sees nothing."""
    [one, *_] = give("Toys", 1, 2, 3, 4, 5)
    give("Toys", 100, shares=False)
    assert seen_by(ledger, one) == [("toys", 5, 2.0, 3.0, 4.0)]
    assert seen_by(ledger, make_tenant()) == []
    ledger.ask("UPDATE wharf.tenants SET shares_benchmarks = false WHERE id = %s", one.id)
    assert seen_by(ledger, one) == []


def test_a_word_taken_back_during_a_calculation_holds(ledger, give):
    """Nobody waits for the calculation, and what it gives afterwards is gone before anybody is compared."""
    [one, *_] = give("Toys", 1, 2, 3, 4, 5)
    give_again = text(
        "WITH gone AS (DELETE FROM wharf.benchmark_shares RETURNING 1)"
        " INSERT INTO wharf.benchmark_shares (profile, level, name, metric, peer, value, weight)"
        " SELECT 'transactions', 'category', 'Books', 'amount', 'books', 1, 1 FROM gone"
    )
    with ledger.app.tenant(one.id) as calculation:
        calculation.execute(give_again)
        with ledger.app.tenant(one.id) as connection:
            connection.exec_driver_sql("SET LOCAL lock_timeout = '5s'")  # else both wait for ever
            connection.execute(text("SELECT wharf.share_benchmarks(false)"))
    given = "SELECT name FROM wharf.benchmark_shares WHERE tenant_id = %s"
    assert ledger.ask(given, one.id) == [{"name": "Books"}]
    seen_by(ledger, one)
    assert ledger.ask(given, one.id) == []


def test_a_tenant_counts_once(ledger, give):
    """Five names of one tenant that others would call alike are one tenant's."""
    [one, *others] = give("Toys", 1, 2, 3, 4)
    for number in range(3):
        ledger.ask(GIVE, one.id, f"Toys {number}", "Toys", 9, 9)
    assert seen_by(ledger, one) == []
    assert others


def test_shares_are_not_read_across_tenants(ledger, give):
    """Row security holds for them as for all that is a tenant's."""
    [one, *_] = give("Toys", 1, 2, 3)
    with ledger.app.tenant(one.id) as connection:
        assert connection.execute(text("SELECT count(*) FROM wharf.benchmark_shares")).scalar_one() == 1


def test_two_digits(ledger):
    """Small and large numbers, losses, and nothing."""
    numbers = [0.0, 0.01234, -0.0567, 1.0, 99.6, -1234567.0]
    query = "SELECT wharf.rough(x) AS r FROM unnest(%s::float8[]) WITH ORDINALITY AS u (x, n) ORDER BY n"
    found = ledger.ask(query, numbers)
    assert [row["r"] for row in found] == [0.0, 0.012, -0.057, 1.0, 100.0, -1200000.0]

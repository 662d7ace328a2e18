"""Expressions of profiles become SQL, and nothing else becomes anything."""

from __future__ import annotations

import re

import pytest

from wharf.common.profiles import ColumnType
from wharf.common.profiles.expressions import WrongExpression, condition

COLUMNS = {
    "quantity": ColumnType.INTEGER,
    "price": ColumnType.DECIMAL,
    "name": ColumnType.TEXT,
    "ordered": ColumnType.TIMESTAMP,
    "paid": ColumnType.BOOLEAN,
    "tags": ColumnType.LIST,
}


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("0 < quantity <= 1_0.5",
         """(('0'::numeric < "quantity"::numeric) AND ("quantity"::numeric <= '10.5'::numeric))"""),
        ("price / quantity != 0.1", """((("price"::numeric / nullif("quantity"::numeric, 0)) <> '0.1'::numeric))"""),
        ("not paid or name in ('A', \"it's\")", """((NOT "paid") OR (("name" IN ('A'::text, 'it''s'::text))))"""),
        ("ordered >= '2025-01-31'", """(("ordered" >= ('2025-01-31T00:00:00+00:00'::timestamptz)))"""),
        ("days(now(), ordered) < 30", """(((extract(epoch FROM now() - "ordered") / 86400) < '30'::numeric))"""),
        ("name is not None and count(tags) > -1",
         """((("name" IS NOT NULL)) AND ((coalesce(cardinality("tags"), 0)::numeric > (- '1'::numeric))))"""),
    ],
)  # fmt: skip
def test_what_is_known_becomes_sql(expression: str, said: str) -> None:
    """Names are quoted, texts are literals, numbers are exact, a division by nothing is missing."""
    assert condition(expression, COLUMNS).as_string(None) == said


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("__import__('os').system('x') == 1", "no such function"),
        ("name.upper == 'A'", "is not allowed here"),
        ("[x for x in name] == 1", "is not allowed here"),
        ("(lambda: 1)() == 1", "no such function"),
        ("f'{name}' == 'A'", "is not allowed here"),
        ("nothing > 1", "there is no column 'nothing'"),
        ("quantity", "is a number; here must be a yes or no"),
        ("name > 1", "a text and a number cannot be compared"),
        ("ordered > 'yesterday'", "is no moment"),
        ("ordered - ordered > 1", "is a moment; here must be a number"),
        ("quantity ** 99 > 1", "use + - * /"),
        ("name is 'A'", "after `is` there must be None"),
        ("name in name", "after `in` there must be values"),
        ("lower(name, name) == 'a'", "lower takes 1 values"),
        ("price > 1e400", "write numbers like"),
        ("price > 0x10", "write numbers like"),
        ("name == 'a\\0'", "is not allowed here"),
        ("quantity > 1; drop table x", "this is no expression"),
        ("not " * 200 + "paid", "nested too deeply"),
        ("(" * 300 + "1" + ")" * 300, "this is no expression"),
        ("tags == tags", "a list and a list cannot be compared"),
    ],
)
def test_everything_else_is_refused_with_a_reason(expression: str, told: str) -> None:
    """Nothing of an expression is ever run in Python."""
    with pytest.raises(WrongExpression, match=re.escape(told)):
        condition(expression, COLUMNS)

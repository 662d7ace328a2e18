"""A file of a kind that nobody has declared is drafted a profile: its names, its types, its key."""

from __future__ import annotations

import pytest

from wharf.common.imports import ImportOptions
from wharf.common.profiles import Profile
from wharf.ingest_worker.reading import detect, drafted, first_problems, look_at, match_columns

ORDERS = "Order No.;Line Number;Größe;Ordered at;Net price;Paid;Remark\n" + "".join(
    f"A-{n // 2:04};{n % 2 + 1};L;2025-03-{n % 28 + 1:02} 10:00;{n}.50;{'yes' if n % 3 else 'no'};\n" for n in range(20)
)

LONG = "How many of the people in the household are older than sixty"


def draft_of(text: str, file_name: str = "orders.csv", taken: frozenset[str] = frozenset()) -> Profile:
    """The profile that is drafted for a file of that text."""
    data = text.encode()
    dialect = detect(data, len(data), ImportOptions(), frozenset())
    found = drafted(file_name, look_at(data, len(data), dialect), taken)
    assert found is not None
    return found


def one_column(header: str, values: list[str]) -> str:
    """A file with that column between two others."""
    return f"city,{header},size\n" + "".join(f"Lyon,{value},M\n" for value in values)


def test_columns_are_named_and_typed_as_they_look() -> None:
    """Names as databases have them, with the header that each is for."""
    found = draft_of(ORDERS)

    assert {c.name: (str(c.type), c.aliases) for c in found.columns} == {
        "order_no": ("text", ("Order No.",)),
        "line_number": ("integer", ("Line Number",)),
        "grosse": ("text", ("Größe",)),
        "ordered_at": ("timestamp", ("Ordered at",)),
        "net_price": ("decimal", ("Net price",)),
        "paid": ("boolean", ("Paid",)),
        "remark": ("text", ("Remark",)),
    }


def test_two_columns_that_differ_together_are_the_key() -> None:
    """An order comes twice, and so does a line's number; a row without either is none."""
    found = draft_of(ORDERS)

    assert found.key == ("order_no", "line_number")
    assert [c.name for c in found.required] == ["order_no", "line_number"]


@pytest.mark.parametrize("header", ["sku", "Asset ID", "customerNumber", "Код товара", "EAN-Code"])
def test_a_column_that_says_so_and_differs_is_the_key(header: str) -> None:
    """Wherever it stands."""
    found = draft_of(one_column(header, [f"x{n}" for n in range(12)]))

    assert found.key == (found.columns[1].name,)


def test_of_columns_that_do_not_say_so_only_the_first_is_one() -> None:
    """Names of people differ, too, in a small file."""
    words = [f"word{n}" for n in range(12)]

    assert not draft_of(one_column("nickname", words)).key
    assert draft_of("tool,count\n" + "".join(f"{word},1\n" for word in words)).key == ("tool",)
    assert not draft_of("tool,count\nhammer,1\nsaw,1\n").key


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([f"x{n}" for n in range(11)] + ["x0"], id="one comes twice"),
        pytest.param([f"x{n}" for n in range(11)] + [""], id="one is empty"),
        pytest.param([f"{n} " + "word " * 20 for n in range(12)], id="sentences"),
        pytest.param([f"{n}.5" for n in range(12)], id="decimals"),
    ],
)
def test_what_does_not_tell_rows_apart_is_no_key(values: list[str]) -> None:
    """Then every row is a new one."""
    found = draft_of(one_column("id", values))

    assert (found.key, found.required) == ((), ())


def test_half_of_a_key_is_none() -> None:
    """Where a column of it cannot be one of a profile: its header is too long."""
    long = f"Number {'of the order ' * 15}"
    rows = "".join(f"{n // 2},{n % 2},x\n" for n in range(12))

    assert draft_of(f"{long},Line,Name\n{rows}").key == ()
    assert draft_of(f"Number,Line,Name\n{rows}").key == ("number", "line")


def test_our_own_columns_are_no_key() -> None:
    """Of a file of rejected rows that somebody has corrected: its lines differ, and say nothing of its rows."""
    rows = "".join(f"{n // 2},{n % 2},{n}\n" for n in range(12))

    assert draft_of(f"Number,Line,_wharf_line\n{rows}").key == ("number", "line")


def test_a_number_by_which_things_are_called_may_have_letters() -> None:
    """One cancelled invoice among many: as a number it would be a mistake, and its row set aside."""
    numbers = ["C536379", *(str(536380 + n) for n in range(50))]

    assert str(draft_of(one_column("InvoiceNo", numbers)).columns[1].type) == "text"
    assert str(draft_of(one_column("amount", numbers)).columns[1].type) == "integer"


@pytest.mark.parametrize(
    ("header", "name", "aliases"),
    [
        ("Unit Price (EUR)", "unit_price_eur", ("Unit Price (EUR)",)),
        ("unitPrice", "unit_price", ("unitPrice",)),
        ("2nd address", "col_2nd_address", ("2nd address",)),
        ("2025 total", "col_2025_total", ("2025 total",)),
        ("address 2", "address_2", ("address 2",)),
        ("Дата", "field_2", ("Дата",)),
        ("tenant_id", "tenant_id_2", ("tenant_id",)),
        ("select", "select", ()),
        (LONG, "how_many_of_the_people_in_the_household", (LONG,)),
    ],
)
def test_a_name_is_one_that_a_database_has(header: str, name: str, aliases: tuple[str, ...]) -> None:
    """And none that every dataset has of its own."""
    column = draft_of(one_column(header, ["a", "b"])).columns[1]

    assert (column.name, column.aliases) == (name, aliases)


def test_a_header_that_comes_again_is_a_list() -> None:
    """As it is where no profile knows it."""
    found = draft_of("key,Label,label\nK-1,red,blue\nK-2,green,\n")

    assert {c.name: str(c.type) for c in found.columns} == {"key": "text", "label": "list"}


@pytest.mark.parametrize(
    ("file_name", "title", "name"),
    [
        ("sales_2025-11.csv", "Sales", "sales"),
        ("Jira Export (3).csv.gz", "Jira Export", "jira_export"),
        ("20251130.xlsx", "Table", "table"),
        ("Заказы.csv", "Заказы", "table"),
        ("staging_orders.csv", "Staging orders", "table_staging_orders"),
        ("API key.csv", "API key", "api_keys"),
        ("orders.csv", "Orders", "orders_2"),
    ],
)
def test_it_is_called_as_its_file(file_name: str, title: str, name: str) -> None:
    """Without the numbers of its month, and not as another dataset."""
    found = draft_of(ORDERS, file_name, taken=frozenset({"orders"}))

    assert (found.title, found.name) == (title, name)


@pytest.mark.parametrize(
    "text",
    [
        ORDERS,
        "%,a,€,A\n1,2,3,4\n5,6,7,8\n",
        "7,Anna,2025-01-01\n8,Bob,2025-01-02\n",
        "a,,b,\n1,x,2,y\n3,z,4,w\n",
        "order_key,Order Key,_wharf_line\n1,2,3\n4,5,6\n",
        "Код A,A,A 2,Б A\nx,y,z,w\n",
    ],
)
def test_a_file_loads_by_its_own_draft(text: str) -> None:
    """Every header that a profile can claim brings its column, and no row of what was seen would be set aside."""
    data, profile = text.encode(), draft_of(text)
    dialect = detect(data, len(data), ImportOptions(), frozenset())
    mapping = match_columns(dialect.header, profile)

    assert not first_problems(data, len(data), profile, dialect, options=ImportOptions(), mapping=None)
    assert {m.target for m in mapping.matches if m.target} == {c.name for c in profile.columns}
    assert {m.source for m in mapping.matches if not m.target} <= {"%", "€", "_wharf_line"}
    said = {alias: column.name for column in profile.columns for alias in column.aliases}
    assert {m.source: m.target for m in mapping.matches if m.source in said} == said

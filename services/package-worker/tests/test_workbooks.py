"""The workbook: types, formats and totals as openpyxl reads them, and what a cell cannot hold."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import pyarrow as pa
from openpyxl import Workbook, load_workbook

from wharf.package_worker.content import Content
from wharf.package_worker.workbook import write_xlsx

TEXT = [{"name": "text", "title": "Text"}]


def written(content: Content, **more: Any) -> bytes:
    stream = BytesIO()
    write_xlsx(content, stream, **more)
    return stream.getvalue()


def read(content: Content, *, values: bool = False, **more: Any) -> Workbook:
    return load_workbook(BytesIO(written(content, **more)), data_only=values)


def texts(*cells: str | None) -> pa.Table:
    return pa.table({"text": pa.array(cells, pa.string())})


def test_values_have_their_types_and_formats(make: Any) -> None:
    """Numbers are numbers, times are times, and each is shown as declared."""
    at = datetime(2026, 3, 1, 14, 30, tzinfo=UTC)
    table = pa.table(
        {
            "name": ["Crane"],
            "count": pa.array([12345], pa.int64()),
            "price": pa.array([Decimal("1234.5")], pa.decimal128(38, 6)),
            "at": pa.array([at], pa.timestamp("us", "UTC")),
            "used": [True],
        }
    )
    formats = {"name": "text", "count": "integer", "price": "money", "at": "timestamp", "used": "boolean"}
    columns = [{"name": name, "title": name, "format": format_} for name, format_ in formats.items()]
    row = read(make(table, columns))["All rows"][2]
    assert [cell.value for cell in row] == ["Crane", 12345, 1234.5, at.replace(tzinfo=None), True]
    assert [cell.number_format for cell in row[1:4]] == ["#,##0", "#,##0.00", "yyyy-mm-dd hh:mm"]


def test_a_sheet_has_header_filter_and_frozen_panes(sales: Any) -> None:
    """The header stays in sight and is styled; the filter covers the rows and not the totals."""
    sheet = read(sales(20))["All rows"]
    assert (sheet.freeze_panes, sheet.auto_filter.ref, sheet.dimensions) == ("B2", "A1:D21", "A1:D22")
    assert sheet["A1"].font.b
    assert sheet.column_dimensions["A"].width > 8


def test_totals_are_formulas_with_their_value(sales: Any) -> None:
    """A reader that computes nothing sees the sum, too."""
    content = sales(1000)
    assert read(content)["All rows"]["C1002"].value == "=SUBTOTAL(9,'All rows'!$C$2:$C$1001)"
    row = read(content, values=True)["All rows"][1002]
    assert [cell.value for cell in row] == ["Total", None, 24500, 504495]


def test_the_summary_leads_to_the_sheets(sales: Any) -> None:
    """With links inside the workbook, and native charts."""
    chart = {"kind": "bar", "title": "Pieces", "label": "product", "value": "pieces"}
    book = read(sales(9, of={"chart": chart}))
    summary = book["Summary"]
    links = [cell.hyperlink.location for row in summary for cell in row if cell.hyperlink]
    assert links == ["'All rows'!A1"]
    assert len(summary._charts) == 1
    assert (summary.page_setup.fitToHeight, summary.sheet_properties.pageSetUpPr.fitToPage) == (0, True)
    assert (book.properties.title, book.properties.creator) == ("A test \u2013 default", "Harbour Ltd")


def test_a_full_sheet_is_followed_by_another(sales: Any) -> None:
    """No row is lost, and the totals stand on the last one, over all."""
    book = read(sales(25), full=12)
    assert book.sheetnames == ["Summary", "All rows", "All rows (2)", "All rows (3)"]
    ids = [row[0].value for name in book.sheetnames[1:] for row in book[name].iter_rows(min_row=2)]
    assert [one for one in ids if one != "Total"] == [f"TX-{n:06d}" for n in range(25)]
    assert book["All rows (3)"]["C7"].value.count("SUBTOTAL") == 3


def test_text_like_a_formula_stays_text(make: Any) -> None:
    """Nothing that a file brought is ever computed."""
    cells = ["=1+1", "+1", "-1", "@SUM(A1)", "{=1}", "\t=1"]
    sheet = read(make(texts(*cells), TEXT))["All rows"]
    assert [(cell.value, cell.data_type) for (cell,) in sheet.iter_rows(min_row=2)] == [(c, "s") for c in cells]


def test_what_xml_cannot_hold_is_a_visible_sign(make: Any) -> None:
    """Control characters; marks of XML are text as any other, every script as it is."""
    sheet = read(make(texts("a\x00\x1fb", "<b>&amp;</b>", " \u6f22 \u0645\u0631 \U0001f6a2 "), TEXT))["All rows"]
    assert [cell.value for (cell,) in sheet.iter_rows(min_row=2)] == [
        "a\ufffd\ufffdb",
        "<b>&amp;</b>",
        " \u6f22 \u0645\u0631 \U0001f6a2 ",
    ]


def test_a_text_that_no_cell_holds_is_cut_and_says_so(make: Any) -> None:
    """In units of UTF-16, as spreadsheets count, and never within a letter."""
    sheet = read(make(texts("x" * 100_000, "\U0001f6a2" * 20_000, "short"), TEXT))["All rows"]
    long, ships, short = (cell.value for (cell,) in sheet.iter_rows(min_row=2))
    assert len(long) == 32_767
    assert len(ships.encode("utf-16-le")) // 2 <= 32_767
    assert long.endswith("[cut: longer than a cell may be]")
    assert ships.endswith("[cut: longer than a cell may be]")
    assert short == "short"


def test_2000_columns_fit(make: Any) -> None:
    """A sheet has room for 16,384."""
    table = pa.table({f"c{n}": [str(n)] for n in range(2000)})
    sheet = read(make(table, [{"name": f"c{n}", "title": f"C{n}"} for n in range(2000)]))["All rows"]
    assert sheet.dimensions == "A1:BXX2"
    assert sheet["BXX2"].value == "1999"


def test_nothing_is_a_workbook_too(sales: Any) -> None:
    """Header, and a sentence."""
    sheet = read(sales(0))["All rows"]
    assert sheet["A1"].value == "Id"
    assert sheet["A2"].value.startswith("There are no rows")


def test_empty_values_are_empty_cells(make: Any) -> None:
    """Neither a zero nor a text."""
    table = pa.table({"text": pa.array([None, "x"], pa.string()), "n": pa.array([1, None], pa.int64())})
    sheet = read(make(table, [*TEXT, {"name": "n", "title": "N", "format": "integer"}]))["All rows"]
    assert [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)] == [[None, 1], ["x", None]]


def test_times_before_1900_stay_text(make: Any) -> None:
    """Spreadsheets have no number for them."""
    table = pa.table({"at": pa.array([datetime(1815, 6, 18, tzinfo=UTC)], pa.timestamp("us", "UTC"))})
    sheet = read(make(table, [{"name": "at", "title": "At", "format": "timestamp"}]))["All rows"]
    assert sheet["A2"].value == "1815-06-18 00:00:00"


def test_the_same_content_gives_the_same_bytes(sales: Any) -> None:
    """So that a package can be reproduced, and told by its hash."""
    assert written(sales(200)) == written(sales(200))

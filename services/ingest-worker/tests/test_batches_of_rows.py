"""From bytes to typed rows and rejects."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wharf.common.errors import Invalid
from wharf.common.imports import ImportOptions
from wharf.common.profiles import Column, ColumnType, Profile, builtin_profile
from wharf.ingest_worker.reading import (
    SAMPLE_BYTES,
    Batch,
    Bytes,
    Cursor,
    Plan,
    encode_csv,
    make_plan,
    read_batches,
)
from wharf.ingest_worker.reading.parsing import parse, parse_exactly
from wharf.ingest_worker.reading.reasons import MESSAGES
from wharf.ingest_worker.reading.records import read_blocks
from wharf.ingest_worker.reading.splitter import Syntax

REAL = Path(__file__).parents[4] / "shared" / "data" / "real"
real_files = pytest.mark.skipif(not REAL.is_dir(), reason="the folder of real files is not beside the project")

PROFILE = Profile(
    name="things",
    title="Things",
    period_column="day",
    columns=(
        Column(name="id", required=True),
        Column(name="n", type=ColumnType.INTEGER),
        Column(name="price", type=ColumnType.DECIMAL),
        Column(name="day", type=ColumnType.TIMESTAMP),
        Column(name="ok", type=ColumnType.BOOLEAN),
        Column(name="tags", type=ColumnType.LIST, aliases=("tag",)),
    ),
)
PLACE = Column(name="place", type=ColumnType.INTEGER, number_within=("id", "n"))
NUMBERED = PROFILE.model_copy(update={"columns": (*PROFILE.columns, PLACE)})
GROUPED = Profile(
    name="grouped", title="Grouped", columns=(Column(name="id"), Column(name="n"), Column(name="price"), PLACE)
)
TEXTS = Profile(name="texts", title="Texts", columns=tuple(Column(name=name) for name in ("a", "b", "c")))


class Read:
    """A whole file, read: rows and rejects as dicts, and the batches that they came in."""

    def __init__(self, data: bytes, profile: Profile = PROFILE, *, mapping: dict[str, str] | None = None,
                 block_bytes: int = 2**20, max_record: int = 2**20, **options: Any) -> None:  # fmt: skip
        self.data = data
        self.plan = make_plan(data[:SAMPLE_BYTES], len(data), profile, ImportOptions(**options), mapping)
        found = read_batches(Bytes(data), self.plan, profile, block_bytes=block_bytes, max_record=max_record)
        self.batches: list[Batch] = list(found)
        self.rows = [row for b in self.batches for row in b.rows.to_pylist()]
        self.rejects = [row for b in self.batches for row in b.rejects.to_pylist()]
        self.places = [row for b in self.batches for row in b.places.to_pylist()]

    @property
    def codes(self) -> list[tuple[int, list[tuple[str | None, str, str | None]]]]:
        """Each reject's line and errors: (column, code, value)."""
        return [
            (r["line"], [(e["column"], e["code"], e["value"]) for e in json.loads(r["errors"])]) for r in self.rejects
        ]


def lines(*rows: str, header: str = "id,n,price,day,ok,tag") -> bytes:
    """A file of these rows."""
    return "".join(f"{row}\n" for row in (header, *rows)).encode()


def test_every_column_comes_in_its_type() -> None:
    """With properties and line numbers."""
    found = Read(lines("a,6,1.50,2025-11-30,yes,x,blue", header="id,n,price,day,ok,tag,colour"))
    assert found.rows == [{
        "id": "a", "n": 6, "price": "1.50", "day": datetime(2025, 11, 30, tzinfo=UTC), "ok": True, "tags": ["x"],
        "properties": '{"colour":"blue"}', "_line": 2,
    }]  # fmt: skip
    assert found.rejects == []


def test_only_an_empty_cell_is_null() -> None:
    """Space around a cell is none of it; NA, NULL and - are texts."""
    found = Read(lines(" a ,,,,,", '"b","",  ,"",,', "NA,,,,,", "NULL,,,,,", "-,,,,,"))
    assert [row["id"] for row in found.rows] == ["a", "b", "NA", "NULL", "-"]
    assert {tuple(row[c] for c in ("n", "price", "day", "ok", "tags", "properties")) for row in found.rows} == {
        (None,) * 6
    }


@pytest.mark.parametrize(("row", "column", "code", "value"), [
    (",1,1,2025-01-01,yes,x", "id", "required", None), ("a,x,1,,,", "n", "not_a_number", "x"),
    ("a,1.5,1,,,", "n", "not_an_integer", "1.5"),
    ("a,9223372036854775808,,,,", "n", "out_of_range", "9223372036854775808"),
    ("a,1,1x,,,", "price", "not_a_number", "1x"), ("a,1,1,2025-02-30,,", "day", "not_a_date", "2025-02-30"),
    ("a,1,1,,maybe,", "ok", "not_a_boolean", "maybe"), ("a\0b,1,1,,,", "id", "nul_byte", "a\\x00b"),
    ("a,1,1,,,x\0", "tags", "nul_byte", "x\\x00"), ("a,1", None, "too_few_cells", None),
    ("a,1,1,,,x,y", None, "too_many_cells", None),
])  # fmt: skip
def test_a_bad_row_is_rejected_with_its_reason(row: str, column: str | None, code: str, value: str | None) -> None:
    """And only that row: where it stands, what it held, and a sentence."""
    found = Read(lines("g,1,1.5,2025-01-01,no,", row, "h,2,2.5,2025-01-02,no,"))
    assert [r["id"] for r in found.rows] == ["g", "h"]
    assert found.codes == [(3, [(column, code, value)])]
    [reject] = found.rejects
    assert found.data[reject["byte_offset"] :].startswith(row.encode())
    assert reject["raw"] == row.replace("\0", "\\x00")
    assert json.loads(reject["errors"])[0]["message"] == MESSAGES[code]


def test_ambiguous_cells_are_rejected_where_the_file_has_both_ways() -> None:
    """The plan warns; the options settle it."""
    data = lines("a,,1.50,31/1/2025,,", 'b,,"2,50",1/31/2025,,', 'c,,"1,234",2/3/2025,,')
    found = Read(data)
    assert found.codes == [(4, [("price", "ambiguous_number", "1,234"), ("day", "ambiguous_date", "2/3/2025")])]
    assert {w.code for w in found.plan.warnings} == {"mixed_numbers", "mixed_dates"}
    settled = Read(data, decimal=",", date_order="DMY")
    assert settled.codes == [(3, [("day", "not_a_date", "1/31/2025")])]
    assert settled.rows[1]["price"] == "1.234"


def test_what_the_plan_only_assumes_it_says() -> None:
    """Nothing in the sample shows the order or the mark."""
    found = Read(lines('a,,"1,234",2/3/2025,,'))
    assert (found.rows[0]["price"], found.rows[0]["day"].month) == ("1234", 2)
    assert {(w.loc, w.code) for w in found.plan.warnings} == {
        ("price", "assumed_decimal_mark"),
        ("day", "assumed_date_order"),
    }


def test_one_columns_marks_settle_the_others() -> None:
    """People do not change their decimals between columns."""
    profile = Profile(name="p", title="P", columns=(Column(name="x", type="decimal"), Column(name="y", type="decimal")))
    found = Read(b"x;y\n1,50;1.234\n2,75;5.678\n", profile)
    assert [row["y"] for row in found.rows] == ["1234", "5678"]
    assert found.plan.warnings == ()


def test_every_fault_of_a_row_is_told() -> None:
    """So that one correction is enough."""
    found = Read(lines(",x,y,z,,"))
    assert [(c, code) for c, code, _ in found.codes[0][1]] == [
        ("id", "required"), ("n", "not_a_number"), ("price", "not_a_number"), ("day", "not_a_date"),
    ]  # fmt: skip


@pytest.mark.parametrize("block_bytes", [1, 64, 2**20])
def test_bytes_that_are_no_text_cost_their_row(block_bytes: int) -> None:
    """They are shown by escapes; the other rows load, letters outside ASCII too."""
    data = "id,n\né,1\n".encode() + b"x\xff,2\n" + "ü,3\n".encode() + b"\xc3,4\n"
    found = Read(data, NUMBERED, block_bytes=block_bytes)
    assert [row["id"] for row in found.rows] == ["é", "ü"]
    assert [(r["line"], r["raw"]) for r in found.rejects] == [(3, "x\\xff,2"), (5, "\\xc3,4")]
    assert found.places == []
    assert found.codes[0] == (3, [(None, "invalid_encoding", None)])
    assert all(
        data[r["byte_offset"] :].startswith(raw) for r, raw in zip(found.rejects, [b"x\xff", b"\xc3"], strict=True)
    )


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_every_encoding_gives_the_same_rows(codec: str) -> None:
    """Offsets are those of the original bytes."""
    text = 'id,n\r\nZoë,1\r\n"Ann ""A""\r\nB",2\r\n\r\nbad,x\r\nÅse,3\r\n'
    found = Read(text.encode(codec), block_bytes=64)
    assert [(row["id"], row["n"], row["_line"]) for row in found.rows] == [
        ("Zoë", 1, 2),
        ('Ann "A"\r\nB', 2, 3),
        ("Åse", 3, 7),
    ]
    assert found.codes == [(6, [("n", "not_a_number", "x")])]
    wide = found.plan.dialect.codec
    assert found.data[found.rejects[0]["byte_offset"] :].startswith("bad,x\r\n".encode(wide))
    assert sum(b.skipped for b in found.batches) == 1


def test_half_a_letter_in_a_wide_encoding_costs_its_row() -> None:
    """A lone surrogate is no text."""
    data = "id,n\na,1\n".encode("utf-16-le") + b"\x00\xd8,\x00" + "2\nb,3\n".encode("utf-16-le")
    found = Read(data, encoding="utf-16-le")
    assert [row["id"] for row in found.rows] == ["a", "b"]
    assert found.codes == [(3, [(None, "invalid_encoding", None)])]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", ["", "end"])
def test_cells_hold_line_ends_quotes_and_delimiters(newline: str, last: str) -> None:
    """And lines are counted through them; the last one needs no end."""
    text = newline.join(["a,b,c", f'"x{newline}y","q""q","1,2"', "", "  ", 'p"p,5" pipe,z', "u,v,w"]) + (
        newline if last else ""
    )
    found = Read(text.encode(), TEXTS)
    assert [(r["a"], r["b"], r["c"], r["_line"]) for r in found.rows] == [
        (f"x{newline}y", 'q"q', "1,2", 2), ('p"p', '5" pipe', "z", 6), ("u", "v", "w", 7),
    ]  # fmt: skip
    assert sum(b.skipped for b in found.batches) == 2


def test_no_quote_may_be_asked_for() -> None:
    """Then quotes are data wherever they stand."""
    found = Read(b'a,b,c\n"x,y,z"\n', TEXTS, quote="")
    assert [(r["a"], r["b"], r["c"]) for r in found.rows] == [('"x', "y", 'z"')]


def test_an_endless_record_is_rejected_and_the_rest_is_read() -> None:
    """A quote that is never closed does not swallow the file."""
    data = b'a,b,c\n1,2,3\n"4,5,6\n' + b"7,8,9\n" * 100
    found = Read(data, TEXTS, max_record=50)
    assert [(r["line"], r["raw"]) for r in found.rejects] == [(3, '"4,5,6')]
    assert found.codes == [(3, [(None, "record_too_long", None)])]
    assert Read(data, TEXTS).codes == [(3, [(None, "unclosed_quote", None)])]
    assert len(found.rows) == 101


def test_a_huge_cell_is_a_cell() -> None:
    """Far larger than a block, as long as a record may be so long."""
    data = b'a,b,c\n"' + b"x\n" * 200_000 + b'y",2,3\n4,5,6\n'
    found = Read(data, TEXTS, block_bytes=1000)
    assert [len(row["a"]) for row in found.rows] == [400_001, 1]
    assert found.rows[1]["_line"] == 200_003


def test_an_error_flood_is_exact_in_count() -> None:
    """Every row is accounted for, whatever is wrong with it, and shown as it is."""
    bad = [",1,1,,,", "a,x,1,,,", "a,1", "a,1,1,,,,,", "a\0,1,1,,,", "a,,x,x,x,"] * 500
    found = Read(lines("ok,,,,,", *bad), block_bytes=1000)
    assert (len(found.rows), len(found.rejects), sum(b.records for b in found.batches)) == (1, 3000, 3001)
    assert [r["line"] for r in found.rejects] == list(range(3, 3003))
    assert [r["raw"].replace("\\x00", "\0") for r in found.rejects] == bad


def test_rejected_rows_have_a_place_among_those_by_which_they_are_numbered() -> None:
    """As far as their cells can be read: with an empty one the group is not known."""
    data = lines("a,1,x,,,", "b,1", " c\0 ,1,1,,,", ' "d\0",1,1,,,,,,', ",1,x,,,", "e", "f,1,1,,,")
    found = Read(data, NUMBERED)
    assert [r["line"] for r in found.rejects] == [2, 3, 4, 5, 6, 7]
    assert sorted((p["_line"], p["id"], p["n"]) for p in found.places) == [
        (2, "a", 1), (3, "b", 1), (4, "c\\x00", 1), (5, '"d\\x00"', 1),
    ]  # fmt: skip
    assert {p["_rejected_at"] for p in found.places} == {r["byte_offset"] for r in found.rejects if r["line"] < 6}


def test_places_have_their_groups_in_the_types_that_rows_have() -> None:
    """What is no number is in no group: PostgreSQL would take none of the batch."""
    data = lines('a,"1,000",x,,,', "b,x,1,,,", "c,x", "d, 007 ,1,,,,,,", "e,1.5,1,,,,,")
    assert sorted((p["_line"], p["id"], p["n"]) for p in Read(data, NUMBERED).places) == [(2, "a", 1000), (5, "d", 7)]


def test_without_all_cells_of_a_group_there_are_no_places() -> None:
    """A profile that numbers no rows needs none; where the file lacks a column of the group nobody can tell it."""
    assert Read(lines("a,x,,,,", "b,1")).places == []
    assert Read(b"id,price\na,x\nb\n", NUMBERED).places == []


def test_unknown_columns_become_properties() -> None:
    """Repeated ones a list; empty cells are left out; any text is JSON."""
    text = 'id,x,"q""\\h",x,\n1,"a""b\\\n\t\x02é",,c,5\n2,,,,\n'
    found = Read(text.encode())
    assert json.loads(found.rows[0]["properties"]) == {"x": ['a"b\\\n\t\x02é', "c"], "column_5": "5"}
    assert found.rows[1]["properties"] is None
    kept_out = PROFILE.model_copy(update={"keep_unknown": False})
    assert Read(text.encode(), kept_out).rows[0]["properties"] is None


def test_a_nul_in_an_unknown_column_is_told() -> None:
    """JSON in PostgreSQL cannot hold it."""
    assert Read(b"id,x\n1,a\0\n").codes == [(2, [("x", "nul_byte", "a\\x00")])]


def test_repeated_headers_of_a_list_are_one_column() -> None:
    """In the file's order, without the empty ones."""
    found = Read(b"id,tag,tags,Tag\n1,a,,b\n2,,,\n3,,c,\n")
    assert [row["tags"] for row in found.rows] == [["a", "b"], None, ["c"]]


def test_the_period_is_that_of_the_good_rows() -> None:
    """A rejected row's date does not count."""
    found = Read(lines("a,1,,2025-03-01,,", "b,x,,2020-01-01,,", "c,1,,2025-02-01 10:00,,", ",,,2030-01-01,,"))
    assert [b.period for b in found.batches] == [
        (datetime(2025, 2, 1, 10, tzinfo=UTC), datetime(2025, 3, 1, tzinfo=UTC))
    ]
    assert Read(lines("a,1,,,,")).batches[0].period is None


def test_a_header_without_rows_is_said_clearly() -> None:
    """It is neither empty nor without header."""
    for data in (b"id,n\n", b"id,n", b"id,n\n\n  \n"):
        with pytest.raises(Invalid) as caught:
            Read(data)
        assert caught.value.error_code == "no_rows"


def test_a_file_of_bad_rows_only_still_has_a_plan() -> None:
    """Each of them is rejected then."""
    assert [code for _, [(_, code, _)] in Read(b"id,n\n1\n2,3,4\n").codes] == ["too_few_cells", "too_many_cells"]


def test_a_missing_required_column_ends_the_import_at_once() -> None:
    """Before a row is read."""
    with pytest.raises(Invalid) as caught:
        Read(b"n,price\n1,2\n")
    assert caught.value.error_code == "missing_column"


def test_a_mapping_makes_any_header_fit() -> None:
    """Also one of which no name is expected."""
    found = Read(b"foo;bar\nx;1\n", mapping={"foo": "id", "bar": "n"})
    assert (found.rows[0]["id"], found.rows[0]["n"]) == ("x", 1)


def test_a_plan_survives_its_checkpoint() -> None:
    """A resumed attempt reads as the first one did."""
    plan = Read(lines('a,,"1,5",31/1/2025,,')).plan
    assert Plan.from_dict(json.loads(json.dumps(plan.as_dict()))) == plan


def in_lines(batches: list[Batch]) -> list[dict[str, Any]]:
    """The places of rejected rows, in the file's order."""
    return sorted((place for batch in batches for place in batch.places.to_pylist()), key=lambda place: place["_line"])


messy_rows = st.lists(
    st.sampled_from(["a,1,2,,,", "b,x,,,,", ",,,,,", "", '"c\nd",1,,,,', "e,1", 'f",1,,,,', "  ", "g,,,,,é"]),
    min_size=1, max_size=20,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(messy_rows, st.integers(1, 60))
def test_resuming_from_any_batch_gives_exactly_the_rest(rows: list[str], block_bytes: int) -> None:
    """Rows, rejects and counts, whatever the blocks of the second attempt are."""
    first = Read(lines("x,1,1,,,", *rows), NUMBERED, block_bytes=block_bytes)
    for i, batch in enumerate(first.batches):
        cursor = Cursor.from_dict(batch.cursor.as_dict())
        rest = list(read_batches(Bytes(first.data), first.plan, NUMBERED, cursor))
        later = first.batches[i + 1 :]
        assert [r for b in rest for r in b.rows.to_pylist()] == [r for b in later for r in b.rows.to_pylist()]
        assert [r for b in rest for r in b.rejects.to_pylist()] == [r for b in later for r in b.rejects.to_pylist()]
        assert in_lines(rest) == in_lines(later)
        assert cursor.record == sum(b.records for b in first.batches[: i + 1])


cells = st.text(alphabet="ab1 ,;\t|\"'\n\ré€\\", max_size=10)


# A backslash before a doubled quote, as the end of a path in quotes is.
@example([("", "\\1", '\\";')], ",", (csv.QUOTE_ALL, "\n"), "utf-8", 1)
@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=15), st.sampled_from(",;\t|"),
       st.sampled_from([(csv.QUOTE_ALL, "\n"), (csv.QUOTE_ALL, "\r\n"), (csv.QUOTE_MINIMAL, "\r\n")]),
       st.sampled_from(["utf-8", "utf-16", "cp1252"]), st.integers(1, 200))  # fmt: skip
def test_any_table_that_csv_writes_is_read_cell_by_cell(
    table: list[tuple[str, ...]], delimiter: str, style: tuple[int, str], codec: str, block_bytes: int
) -> None:
    """For all delimiters, ways of quoting, line ends, encodings and blocks."""
    if sum(bool(cell.strip()) for cell in table[-1]) <= 1:
        table = [*table, ("x", "y", "z")]  # after empty rows one like that is a footer
    out = io.StringIO()
    write = csv.writer(out, delimiter=delimiter, quoting=style[0], lineterminator=style[1])
    write.writerows([("a", "b", "c"), *table])
    found = Read(
        out.getvalue().encode(codec), TEXTS, block_bytes=block_bytes, delimiter=delimiter, quote='"', encoding=codec
    )
    blank = [row for row in table if delimiter.join(row).strip(" \t".replace(delimiter, "")) == ""]
    expected = [tuple(cell.strip() or None for cell in row) for row in table if row not in blank]
    assert [(r["a"], r["b"], r["c"]) for r in found.rows] == expected
    assert found.rejects == []


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=15), st.sampled_from([",", ";", "\t"]),
       st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]), st.sampled_from(["utf-8", "utf-16", "cp1252"]),
       st.integers(1, 200))  # fmt: skip
def test_records_that_are_no_rows_are_placed_by_the_cells_that_csv_wrote(
    table: list[tuple[str, ...]], delimiter: str, quoting: int, codec: str, block_bytes: int
) -> None:
    """With quotes or without, in any encoding: those with a cell too many have their place in their group."""
    out = io.StringIO()
    write = csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator="\r\n")
    write.writerows([("id", "n", "price"), *((*row, "1", "too many") for row in table)])
    data = out.getvalue().encode(codec)
    written: dict[str, Any] = {"delimiter": delimiter, "quote": '"', "escape": "", "encoding": codec}
    found = Read(data, GROUPED, block_bytes=block_bytes, **written)
    placed = sorted((p["_line"], p["id"], p["n"]) for p in found.places)
    known = [tuple(cell.strip() for cell in row) for row in table if all(cell.strip() for cell in row)]
    assert [row for _, *row in placed] == [list(row) for row in known]
    assert len(found.rejects) == len(table)


def test_cells_behind_escapes_and_long_delimiters_place_a_record_too() -> None:
    """Where a delimiter is data, or several characters."""
    escaped = Read(b"id,n,price\na\\,b,1,2,3\nc,1,2,3\n", GROUPED, escape="\\", quote="")
    assert sorted((p["_line"], p["id"], p["n"]) for p in escaped.places) == [(2, "a,b", "1"), (3, "c", "1")]
    long = Read(b'id||n||price\na|b||1||2||3\n"c||d"||1||2||3\n', GROUPED, delimiter="||", quote='"')
    assert sorted((p["_line"], p["id"], p["n"]) for p in long.places) == [(2, "a|b", "1"), (3, "c||d", "1")]


@pytest.mark.parametrize("first", ['a","', 'a""","', 'b"c,"'])
def test_a_quote_that_closes_nothing_does_not_reach_into_the_next_record(first: str) -> None:
    """Its record has an even number of quotes, and Arrow alone would read on from the second one."""
    syntax = Syntax("utf-8", ",", '"')
    (block,) = read_blocks(Bytes(f'{first}\n"a\nb"\nc\n'.encode()), syntax, Cursor())
    found = parse(block, syntax, 1)
    assert [column.to_pylist() for column in found.columns] == [["a\nb", "c"]]
    assert found.faulty.tolist() == [0]


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='ab",\n\r é', max_size=60), st.integers(1, 3))
def test_the_exact_way_finds_what_the_fast_one_finds(text: str, width: int) -> None:
    """It is there for the day on which Arrow sees other records than we do."""
    syntax = Syntax("utf-8", ",", '"')
    for block in read_blocks(Bytes(text.encode()), syntax, Cursor()):
        if block.broken or block.odd.size:
            continue
        fast = parse(block, syntax, width)
        exact = parse_exactly(block, syntax, width, np.arange(len(block)))
        assert [c.to_pylist() for c in fast.columns] == [c.to_pylist() for c in exact.columns]
        assert (fast.records.tolist(), fast.faulty.tolist()) == (exact.records.tolist(), exact.faulty.tolist())
        assert fast.faults.tolist() == exact.faults.tolist()


def test_blank_lines_after_the_header_count() -> None:
    """As all others do."""
    found = Read(b"id,n\n\n\r\na,1\n")
    assert (found.rows[0]["_line"], sum(b.skipped for b in found.batches)) == (4, 2)


def test_a_nul_that_is_not_kept_does_no_harm() -> None:
    """Where unknown columns are left out."""
    kept_out = PROFILE.model_copy(update={"keep_unknown": False})
    assert Read(b"id,x\n1,a\0\n", kept_out).rejects == []


def test_rows_are_encoded_for_copy() -> None:
    """NULL is nothing, text is quoted, lists are array literals, times have their zone."""
    found = Read(b'id,n,price,day,ok,tag,tag\n"a""b\n",6,1.5,2025-11-30 1:02,no,"x,""y\\",z\nb,,,,,,\n')
    assert bytes(encode_csv(found.batches[0].rows)).decode() == (
        '"a""b",6,"1.5","2025-11-30 01:02:00.000000Z",false,"{""x,\\""y\\\\"",""z""}",,2\n"b",,,,,,,4\n'
    )


@real_files
def test_the_real_invoices_load_to_the_cent() -> None:
    """Through a mapping, dates month first: 999 lines of a real shop."""
    data = (REAL / "online_retail_sample.csv").read_bytes()
    mapping = {"InvoiceNo": "transaction_id", "StockCode": "product_id", "Description": "product_name",
               "Quantity": "quantity", "InvoiceDate": "date", "UnitPrice": "unit_price", "CustomerID": "customer_id",
               "Country": "store"}  # fmt: skip
    found = Read(data, builtin_profile("transactions"), mapping=mapping, block_bytes=10_000)
    assert (len(found.rows), found.rejects) == (999, [])
    expected = sum(int(r["Quantity"]) * Decimal(r["UnitPrice"]) for r in csv.DictReader(io.StringIO(data.decode())))
    assert sum(row["quantity"] * Decimal(row["unit_price"]) for row in found.rows) == expected
    assert {row["date"].month for row in found.rows} == {12}
    assert [row["_line"] for row in found.rows] == list(range(2, 1001))


@real_files
@pytest.mark.parametrize(("name", "columns", "rows"), [
    ("shift_jis.csv", ("名前", "年齢"), [("名前", "25"), ("山田", "30")]),
    ("utf16.csv", ("name", "age"), [("José Álvarez", "30")]),
    ("utf8bom.csv", ("id", "name"), [("1", "Mark"), ("2", "Hannes")]),
])  # fmt: skip
def test_real_files_of_three_encodings_load(name: str, columns: tuple[str, str], rows: list[tuple[str, str]]) -> None:
    """Every row of each."""
    data = (REAL / name).read_bytes()
    profile = Profile(name="p", title="P", columns=(Column(name="x"), Column(name="y")))
    found = Read(data, profile, mapping=dict(zip(columns, ("x", "y"), strict=True)))
    assert found.rejects == []
    assert [(row["x"], row["y"]) for row in found.rows][: len(rows)] == rows
    assert len(found.rows) == len([line for line in data.decode(found.plan.dialect.codec).splitlines() if line]) - 1


def test_what_means_nothing_is_an_empty_cell() -> None:
    """As the profile says, or before it the options; in any case, with space around; in `properties` too."""
    data = b"id,n,extra\na, N/A ,-\nb,-,x\nc,2,na\n"
    profile = PROFILE.model_copy(update={"nulls": ("N/A", "-", "NA")})
    found = Read(data, profile)
    assert [(r["id"], r["n"], r["properties"]) for r in found.rows] == [
        ("a", None, None), ("b", None, '{"extra":"x"}'), ("c", 2, None),
    ]  # fmt: skip
    only_one = Read(data, profile, nulls=("-",))
    assert only_one.codes == [(2, [("n", "not_a_number", " N/A ")])]

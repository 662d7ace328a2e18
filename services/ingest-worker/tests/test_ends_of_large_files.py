"""What follows the table of a file that is larger than the sample."""

from __future__ import annotations

import csv
import gzip
import io
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wharf.common.imports import ImportOptions
from wharf.common.profiles import Column, ColumnType, Profile
from wharf.ingest_worker.checkpoint import Checkpoint
from wharf.ingest_worker.reading import (
    SAMPLE_BYTES,
    Bytes,
    Dialect,
    Plan,
    detect,
    make_plan,
    read_batches,
    with_ending,
)
from wharf.ingest_worker.reading.tail import TAIL_BYTES
from wharf.ingest_worker.unpacking import open_file

PROFILE = Profile(
    name="sales",
    title="Sales",
    columns=(
        Column(name="id", required=True),
        Column(name="day", type=ColumnType.TIMESTAMP),
        Column(name="price", type=ColumnType.DECIMAL),
        Column(name="note"),
    ),
)
HEADER = "id;day;price;note\n"
COUNT = 30_000
ROWS = "".join(f"A{n};2025-11-{1 + n % 30:02};{n}.50;cash, no. {n % 7}\n" for n in range(COUNT))
"""More than a megabyte."""
LAST = COUNT + 1
"""The line of the last of them."""


class Load:
    """A file, planned as an import plans it, and read to its end."""

    def __init__(self, text: str, codec: str = "utf-8", **options: Any) -> None:
        self.lines = re.split("\r\n|\r|\n", text.rstrip("\r\n"))
        self.data = text.encode(codec)
        opened = open_file(Bytes(self.data), ImportOptions(**options))
        plan = make_plan(opened.text.read(0, SAMPLE_BYTES), opened.text.size, PROFILE, opened.options)
        self.plan = replace(plan, dialect=opened.ended(opened.finished(plan.dialect)))
        batches = list(read_batches(opened.text, self.plan, PROFILE, block_bytes=256 * 1024))
        self.cursor = batches[-1].cursor
        self.rows = sum(b.rows.num_rows for b in batches)
        self.rejects = [row["raw"] for b in batches for row in b.rejects.to_pylist()]
        self.blank = sum(b.skipped for b in batches)
        self.skipped = [(s.line, s.text, s.why) for s in self.plan.dialect.skipped(self.cursor.line, ())]
        self.check(sum(b.records for b in batches))

    def check(self, records: int) -> None:
        """Each line is of the header, a row, a reject, blank, or listed with its own number."""
        assert records == self.rows + len(self.rejects)
        told = self.cursor.line - 1 + len(self.plan.dialect.following)
        assert len(self.lines) <= told <= len(self.lines) + self.blank
        assert all(self.lines[line - 1][:200] == text for line, text, _ in self.skipped)
        end = self.plan.dialect.end
        assert self.cursor.byte_offset == (len(self.data) if end is None else end)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_lines_after_an_empty_one_are_a_footer(encoding: str, newline: str) -> None:
    """However the file is encoded and its lines end; they are listed, and no row is a reject."""
    text = HEADER + ROWS + "\nMonthly figures, as of today: 5 €\n\nAnn;;;\n"
    found = Load(text.replace("\n", newline), encoding, encoding=encoding.removesuffix("-sig"))
    assert (found.rows, found.rejects, found.blank) == (COUNT, [], 1)
    assert found.skipped == [
        (LAST + 2, "Monthly figures, as of today: 5 €", "footer"),
        (LAST + 3, "", "blank"),
        (LAST + 4, "Ann;;;", "footer"),
    ]


@pytest.mark.parametrize("ending", ["Total;;;\n", "Source: our own books", "*) without tax\n\nPage 1 of 1\n\n"])
def test_remarks_right_below_the_last_row_are_a_footer(ending: str) -> None:
    """By their words."""
    found = Load(HEADER + ROWS + ending)
    assert (found.rows, found.rejects) == (COUNT, [])
    assert found.skipped[0] == (LAST + 1, ending.splitlines()[0], "footer")


@pytest.mark.parametrize("ending", ["", "\n", "\n\n\n"])
def test_a_file_that_ends_with_its_last_row_has_none(ending: str) -> None:
    """Its dialect is the one that its beginning shows."""
    found = Load(HEADER + ROWS.rstrip("\n") + ending)
    assert (found.rows, found.rejects, found.skipped) == (COUNT, [], [])
    assert found.plan.dialect.end is None


def test_rows_with_something_wrong_are_rejects_as_before() -> None:
    """Cut off, or without their other cells: no words of a remark, and no empty line before them."""
    found = Load(HEADER + ROWS + "A7;2025-11\nA8;;;\nA9\n")
    assert found.plan.dialect.end is None
    assert (found.rows, found.rejects) == (COUNT + 1, ["A7;2025-11", "A9"])


@pytest.mark.parametrize("size", [100, TAIL_BYTES - 100, TAIL_BYTES + 100, 4 * TAIL_BYTES])
@pytest.mark.parametrize("line", ["so it was\n", "B1;2025-11-30;1.50;x\n"])
@pytest.mark.parametrize("ending", ['\nTotal;;;"\n', '\nSource: us"', 'Source: us\n";2025-11-30;2.50;\n', '\nTotal\n"'])
def test_what_looks_like_a_footer_inside_a_cell_is_none(ending: str, line: str, size: int) -> None:
    """Whether the cell begins in the tail or before it, and whatever its lines look like."""
    opening = '"' if ending.rstrip().endswith(";") else 'A1;2025-11-30;2.50;"'
    found = Load(HEADER + ROWS + opening + line * (size // len(line)) + ending)
    assert found.plan.dialect.end is None
    assert (found.rows, found.rejects) == (COUNT + 1, [])


def test_a_footer_behind_cells_of_many_lines_is_found() -> None:
    """The tail may begin inside one of them."""
    cells = "".join(f'B{n};2025-11-30;1.50;"one\n\ntwo; ""three""\nTotal;;;\n"\n' for n in range(3_000))
    found = Load(HEADER + ROWS + cells + "\nSource: us\n")
    assert (found.rows, found.rejects) == (COUNT + 3_000, [])
    assert found.skipped == [(LAST + 5 * 3_000 + 2, "Source: us", "footer")]


def test_quotes_that_are_data_hide_no_footer() -> None:
    """What comes after the last of them is sure."""
    found = Load(HEADER + ROWS + 'A1;2025-11-30;2.50;5" pipe\n' + ROWS[:200].rsplit("\n", 1)[0] + "\n\nSource: us\n")
    assert (found.rejects, [why for _, _, why in found.skipped]) == ([], ["footer"])


def test_a_file_that_is_cut_off_inside_a_cell_has_no_footer() -> None:
    """All of its last row is one reject."""
    row = 'A1;2025-11-30;2.50;"she said\n\nTotal'
    found = Load(HEADER + ROWS + row)
    assert (found.plan.dialect.end, found.rejects) == (None, [row])


def test_a_tail_of_other_rows_is_left_alone() -> None:
    """Where most rows are not as wide as the header nobody knows what the last lines are."""
    found = Load(HEADER + ROWS + "1;2\n" * 20_000 + "\nSource: us\n")
    assert found.plan.dialect.end is None
    assert (found.rows, len(found.rejects)) == (COUNT, 20_001)


def test_another_table_below_is_listed() -> None:
    """As in a small file, with all that follows."""
    found = Load(HEADER + ROWS + "\nstore;turnover\nOslo;5\nParis;7\n\nSource: us\n")
    assert (found.rows, found.rejects) == (COUNT, [])
    assert found.skipped == [
        (LAST + 2 + i, text, "another_table")
        for i, text in enumerate(["store;turnover", "Oslo;5", "Paris;7", "", "Source: us"])
    ]


@pytest.mark.parametrize("between", ["\n" + HEADER, "\nan;odd\n1;2\n3;4\n"])
def test_a_table_that_goes_on_has_not_ended(between: str) -> None:
    """Its names come again, as where two exports were joined, or some rows are odd: no good one is left out."""
    found = Load(HEADER + ROWS + between + ROWS[:1000].rsplit("\n", 1)[0] + "\n")
    assert found.plan.dialect.end is None
    assert found.rows > COUNT + 20


def test_the_tail_of_packed_text_is_not_looked_at() -> None:
    """It only comes from its beginning: the last lines are rejects, and nothing is lost."""
    data = gzip.compress((HEADER + ROWS + "\nSource: us\n").encode())
    opened = open_file(Bytes(data), ImportOptions())
    plan = make_plan(opened.text.read(0, SAMPLE_BYTES), opened.text.size, PROFILE, opened.options)
    assert opened.ended(opened.finished(plan.dialect)).end is None


def test_a_later_attempt_keeps_the_end() -> None:
    """It is a part of the plan: reading from any checkpoint gives the same rest."""
    found = Load(HEADER + ROWS + "\nSource: us\n")
    kept = Checkpoint.model_validate_json(Checkpoint.first(found.plan, PROFILE).model_dump_json())
    plan = Plan.from_dict(kept.plan)
    assert (plan.dialect.end, plan.dialect.following) == (found.plan.dialect.end, (("Source: us", "footer"),))
    batches = list(read_batches(Bytes(found.data), plan, PROFILE, block_bytes=256 * 1024))
    again = list(read_batches(Bytes(found.data), plan, PROFILE, batches[1].cursor))
    assert sum(b.records for b in again) == sum(b.records for b in batches[2:])
    assert again[-1].cursor == found.cursor


BEGINNING = HEADER + ROWS[:SAMPLE_BYTES].rsplit("\n", 1)[0] + "\n"
DIALECT = detect(BEGINNING.encode()[:SAMPLE_BYTES], SAMPLE_BYTES + 1, ImportOptions(), frozenset())
CELLS = st.lists(st.text(alphabet='ab;"\n', max_size=12) | st.sampled_from(["Total", "\n\nSource: us", "7.50"]))


@settings(max_examples=300, deadline=None)
@given(st.lists(CELLS.map(lambda cells: (cells * 4 + [""] * 4)[:4]), min_size=1, max_size=12),
       st.sampled_from(["", "\nSource: us\n", "Total;;;\n"]), st.integers(1, 400))  # fmt: skip
def test_a_file_written_by_the_book_never_ends_inside_a_cell(table: list[list[str]], below: str, length: int) -> None:
    """Wherever the tail begins."""
    out = io.StringIO()
    csv.writer(out, delimiter=";", lineterminator="\n").writerows(table)
    data = (BEGINNING + out.getvalue() + below).encode()
    found: Dialect = with_ending(DIALECT, Bytes(data), length)
    if found.end is not None:
        assert data[found.end - 1 : found.end] == b"\n"
        assert data[: found.end].count(b'"') % 2 == 0
        assert [text for text, _ in found.following] == data[found.end :].decode().rstrip("\n").split("\n")

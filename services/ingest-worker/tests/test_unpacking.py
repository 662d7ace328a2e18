"""Compressed files, workbooks and JSON lines are read as the text that is in them."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest
from openpyxl import Workbook
from openpyxl.styles import Font

from wharf.common.errors import Invalid
from wharf.common.imports import ImportOptions
from wharf.common.profiles import Column, ColumnType, Profile
from wharf.ingest_worker.reading import SAMPLE_BYTES, Bytes, make_plan, read_batches
from wharf.ingest_worker.unpacking import open_again, open_file
from wharf.ingest_worker.unpacking.forward import Forward

PROFILE = Profile(
    name="t",
    title="T",
    columns=(Column(name="id"), Column(name="n", type=ColumnType.DECIMAL), Column(name="note")),
)
ROWS = [("a1", "1.50", "plain"), ("a2", "20", "two\nlines"), ("a3", "", 'a "quote", and more')]
Row = tuple[int, str | None, str | None, str | None]


def read(data: bytes, **options: Any) -> tuple[list[Row], list[dict[str, Any]]]:
    """The rows with their lines, and the rejects."""
    opened = open_file(Bytes(data), ImportOptions(**options))
    sample = opened.text.read(0, SAMPLE_BYTES)
    plan = make_plan(sample, opened.text.size, PROFILE, opened.options)
    dialect = opened.finished(plan.dialect)
    plan = type(plan)(dialect, plan.mapping, plan.readings)
    again = open_again(Bytes(data), ImportOptions(**options), dialect)
    batches = list(read_batches(again.text, plan, PROFILE))
    rows = [(r["_line"], r["id"], r["n"], r["note"]) for b in batches for r in b.rows.to_pylist()]
    return rows, [r for b in batches for r in b.rejects.to_pylist()]


def refused(data: bytes, **options: Any) -> str:
    """The code with which a file is refused, at once or while it is read."""
    with pytest.raises(Invalid) as caught:
        read(data, **options)
    return caught.value.error_code


def as_csv() -> bytes:
    """The rows as everybody writes them."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([("id", "n", "note"), *ROWS])
    return out.getvalue().encode()


def zipped(**members: bytes) -> bytes:
    """An archive of these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def workbook(fill: Callable[[Workbook], None]) -> bytes:
    """A workbook as its program writes it."""
    book, out = Workbook(), io.BytesIO()
    fill(book)
    book.save(out)
    return out.getvalue()


def table(book: Workbook) -> None:
    """The rows on the first sheet."""
    sheet = book.worksheets[0]
    sheet.append(["id", "n", "note"])
    for row in ROWS:
        sheet.append([row[0], float(row[1]) if row[1] else None, row[2]])


@pytest.mark.parametrize("pack", [
    gzip.compress, lambda d: gzip.compress(d[:20]) + gzip.compress(d[20:]),
    lambda d: pa.compress(d, "zstd", asbytes=True),
    lambda d: zipped(**{"folder/t.csv": d, "__MACOSX/t.csv": b"x"}),
], ids=["gzip", "two members", "zstd", "zip"])  # fmt: skip
def test_a_compressed_file_is_read_as_what_is_in_it(pack: Callable[[bytes], bytes]) -> None:
    """Lines count as in the text; a gzip file may have several members."""
    assert read(pack(as_csv())) == read(as_csv())
    assert [row[:2] for row in read(pack(as_csv()))[0]] == [(2, "a1"), (3, "a2"), (5, "a3")]


def test_a_large_compressed_file_is_read_block_by_block() -> None:
    """Many blocks, and any of them again from its cursor."""
    text = b"id,n,note\n" + b"".join(b"r%d,%d,some more words\n" % (n, n) for n in range(300_000))
    rows, rejects = read(gzip.compress(text, 1))
    assert (len(rows), rejects, rows[-1][:2]) == (300_000, [], (300_001, "r299999"))


def test_a_sheet_is_read_with_its_own_row_numbers() -> None:
    """Line ends inside cells, numbers without a tail, empty rows and cells."""
    rows, rejects = read(workbook(table))
    assert rows == [(2, "a1", "1.5", "plain"), (3, "a2", "20", "two\nlines"), (4, "a3", None, 'a "quote", and more')]
    assert rejects == []


def test_a_sheet_is_chosen_by_name_or_place() -> None:
    """Else it is the first that is not hidden; an unknown one is named with those that there are."""

    def fill(book: Workbook) -> None:
        book.worksheets[0].sheet_state = "hidden"
        for name in ("first", "second"):
            sheet = book.create_sheet(name)
            sheet.append(["id", "n", "note"])
            sheet.append([name, 1, datetime(2025, 3, 14, 15, 9)])  # noqa: DTZ001 - Excel has no zones

    data = workbook(fill)
    assert read(data)[0] == [(2, "first", "1", "2025-03-14 15:09:00")]
    assert read(data, sheet="second")[0][0][1] == read(data, sheet="3")[0][0][1] == "second"
    assert refused(data, sheet="third") == "bad_option"
    assert open_file(Bytes(data), ImportOptions()).packing.sheets == ("Sheet", "first", "second")


def test_styled_rows_without_values_are_no_rows() -> None:
    """However many there are, above and below the last row with one."""

    def fill(book: Workbook) -> None:
        table(book)
        sheet = book.worksheets[0]
        for row in range(6, 20_000):
            sheet.cell(row=row, column=1).font = Font(bold=True)

    assert len(read(workbook(fill))[0]) == len(ROWS)


def test_json_lines_are_rows() -> None:
    """No number loses a digit, nested values are JSON, a line that is no object is rejected with its text."""
    lines = [
        '{"id": "a1", "n": 1.10000000000000000001, "note": {"deep": [1, 2.5]}}', "",
        '{"id": "a2", "note": "two\\nlines"}',
        '{"id": "a3", "n": 3', '{"id": "a4", "n": null, "note": true}',
    ]  # fmt: skip
    rows, rejects = read("\n".join(lines).encode())
    assert rows == [
        (1, "a1", "1.10000000000000000001", '{"deep":[1,2.5]}'), (3, "a2", None, "two\nlines"), (5, "a4", None, "true"),
    ]  # fmt: skip
    assert [(r["line"], '"id": "a3"' in r["raw"].replace('""', '"')) for r in rejects] == [(4, True)]


def test_keys_that_come_late_are_kept() -> None:
    """In a column of their own, as JSON."""
    text = "".join(json.dumps({"id": f"a{n}", "n": n, "note": "x" * 100}) + "\n" for n in range(12_000))
    data = (text + '{"id": "late", "fresh": 7}\n').encode()
    opened = open_file(Bytes(data), ImportOptions())
    assert opened.packing.keys == ("id", "n", "note")
    last = opened.text.read(0, len(data) * 2).decode().splitlines()[-1]
    assert last == 'late,,,"{""fresh"":""7""}"'


def _lying(book: bytes) -> bytes:
    """A workbook with a part of a million zeros times a hundred."""
    out = io.BytesIO(book)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/bomb.xml", b"\0" * 100_000_000)
    return out.getvalue()


def _with_document_type(book: bytes) -> bytes:
    source, out = zipfile.ZipFile(io.BytesIO(book)), io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in source.namelist():
            data = source.read(name)
            if name == "xl/workbook.xml":
                data = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]>' + data.split(b"?>")[-1]
            archive.writestr(name, data)
    return out.getvalue()


def _encrypted(archive: bytes) -> bytes:
    """The flag of an encrypted member, in both places."""
    data = bytearray(archive)
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


@pytest.mark.parametrize(("data", "code"), [
    (gzip.compress(as_csv())[:-12], "truncated_file"), (gzip.compress(as_csv())[:30] + b"x" * 40, "damaged_file"),
    (pa.compress(as_csv(), "zstd", asbytes=True)[:-6], "truncated_file"), (zipped(a=b"1", b=b"2"), "several_files"),
    (zipped(), "binary_file"), (zipped(a=as_csv())[:60], "damaged_file"),
    (_encrypted(zipped(a=as_csv())), "encrypted_file"),
    (gzip.compress(b"id,n,note\n" + b"x" * 80_000_000), "unpacked_too_large"),
    (zipped(a=b"id,n,note\n" + b" " * 80_000_000), "unpacked_too_large"),
    (_lying(workbook(table)), "unpacked_too_large"), (_with_document_type(workbook(table)), "unsafe_file"),
    (workbook(table)[:-200], "damaged_file"), (gzip.compress(b"\x89PNG\r\n\x1a\n" + bytes(range(256))), "binary_file"),
], ids=["gzip cut off", "gzip damaged", "zstd cut off", "two files", "no file", "zip cut off", "password", "gzip bomb",
        "zip bomb", "workbook bomb", "document type", "workbook cut off", "picture"])  # fmt: skip
def test_what_cannot_be_unpacked_is_refused(data: bytes, code: str) -> None:
    """With a sentence, and without taking memory for it."""
    assert refused(data) == code


def test_a_text_that_only_comes_forward_can_be_read_from_anywhere() -> None:
    """A place before the last one begins again; the size is known once the end was seen."""
    source = Forward(lambda: iter([b"abc", b"defg", b"hi"]))
    assert (source.read(1, 4), source.read(5, 2), source.read(0, 2)) == (b"bcde", b"fg", b"ab")
    assert source.size > 2**60
    assert (source.read(7, 10), source.size, source.read(9, 5)) == (b"hi", 9, b"")


def test_a_line_of_json_that_is_far_too_long_costs_its_own_row() -> None:
    """What comes after it is read, with the lines' own numbers."""
    long = '{"id": "b", "note": "' + "x" * 5_000_000 + '"}'
    rows, rejects = read(b'{"id": "a", "n": 1, "note": ""}\n' + long.encode() + b'\n{"id": "c"}')
    assert [row[:2] for row in rows] == [(1, "a"), (3, "c")]
    assert [(r["line"], json.loads(r["errors"])[0]["code"]) for r in rejects] == [(2, "record_too_long")]


def test_half_a_letter_costs_its_own_row() -> None:
    """It is no text: nothing is put in its place."""
    rows, rejects = read(b'{"id": "a", "n": 1, "note": "x"}\n{"id": "b", "note": "\\ud83d"}\n')
    assert [row[1] for row in rows] == ["a"]
    assert [(r["line"], json.loads(r["errors"])[0]["code"]) for r in rejects] == [(2, "invalid_encoding")]


def test_a_line_that_is_no_json_is_rejected_where_surplus_cells_are_kept_too() -> None:
    """It is never taken for a row."""
    opened = open_file(Bytes(b'{"id": "a", "n": 1}\noops\n'), ImportOptions())
    assert opened.text.read(0, 1000).decode().splitlines()[2] == "no JSON object: oops"
    keeping = PROFILE.model_copy(update={"surplus_cells": "keep"})
    sample = opened.text.read(0, SAMPLE_BYTES)
    plan = make_plan(sample, opened.text.size, keeping, opened.options)
    [batch] = read_batches(opened.text, plan, keeping)
    assert (batch.rows.num_rows, batch.rejects.num_rows) == (1, 1)


def test_one_line_of_json_without_an_end_has_its_keys() -> None:
    """Packed too, where nobody knows where the text ends."""
    line = b'{"id": "a", "n": 2}'
    assert read(gzip.compress(line)) == read(line) == ([(1, "a", "2", None)], [])


def test_a_row_far_below_the_others_is_read() -> None:
    """A sheet has no end before its last row."""

    def fill(book: Workbook) -> None:
        table(book)
        for column, value in ((1, "late"), (2, 7)):
            book.worksheets[0].cell(row=30_000, column=column).value = value

    assert read(workbook(fill))[0][-1][:2] == (30_000, "late")


def test_a_document_type_behind_a_long_comment_is_found() -> None:
    """However far down it hides, nothing is parsed before the first element was seen."""
    comment = b"<!--" + b"-" * 100_000 + b"-->"
    source, out = zipfile.ZipFile(io.BytesIO(workbook(table))), io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in source.namelist():
            data = source.read(name)
            if name.startswith("xl/worksheets/"):
                data = comment + b'<!DOCTYPE x [<!ENTITY a "b">]>' + data
            archive.writestr(name, data)
    assert refused(out.getvalue()) == "unsafe_file"

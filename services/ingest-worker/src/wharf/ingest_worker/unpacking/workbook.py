"""A sheet of an Excel workbook as text: one line for each row of the sheet, so that lines are rows."""

from __future__ import annotations

import csv
import io
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from typing import Any
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet._read_only import ReadOnlyWorksheet

from wharf.common.errors import Invalid, Problem
from wharf.ingest_worker.reading import ByteSource
from wharf.ingest_worker.unpacking.compressed import ALWAYS_BYTES, ENCRYPTED, MOST_TIMES, damaged, encrypted
from wharf.ingest_worker.unpacking.forward import as_file

NEWLINE_MARK = "\x1e"
"""Stands for a line end inside a cell."""
CHUNK_ROWS = 1000
MOST_PARTS = 10_000
MOST_BYTES = 4 * 2**30
MOST_EMPTY = 10_000
"""Rows without a value after which a sheet has ended: styled ones go on to its last possible row."""
LOOKED_AT = 64 * 1024


def sheet_chunks(source: ByteSource, sheet: str | None) -> Iterator[bytes]:
    """A sheet's rows as CSV in UTF-8. Raises `Invalid` as `sheet_names` does, and `bad_option` for an unknown sheet."""
    with _opened(source) as book:
        yield from _chunks(_rows(_chosen(book, sheet)))


def sheet_names(source: ByteSource) -> list[str]:
    """The names of a workbook's sheets.

    Raises `Invalid`: `damaged_file`, `encrypted_file`, `unpacked_too_large`, `unsafe_file` for a document type.
    """
    with _opened(source) as book:
        return list(book.sheetnames)


def is_workbook(source: ByteSource) -> bool:
    """Whether a zip archive is one."""
    try:
        with zipfile.ZipFile(as_file(source)) as archive:
            return any(name.lower() == "xl/workbook.xml" for name in archive.namelist())
    except zipfile.BadZipFile:
        return False


@contextmanager
def _opened(source: ByteSource) -> Iterator[Any]:
    try:
        with zipfile.ZipFile(as_file(source)) as archive:
            _refuse_unsafe(archive, source.size)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about parts that we do not read
            book = load_workbook(as_file(source), read_only=True, data_only=True, keep_links=False)
        try:
            yield book
        finally:
            book.close()
    except (zipfile.BadZipFile, InvalidFileException, ParseError, KeyError, ValueError, EOFError) as error:
        raise damaged("Excel") from error


def _refuse_unsafe(archive: zipfile.ZipFile, packed: int) -> None:
    """Before anything is parsed: what the archive says of its sizes is the most that can be read of it."""
    parts = archive.infolist()
    total = sum(part.file_size for part in parts)
    if len(parts) > MOST_PARTS or total > min(MOST_BYTES, max(ALWAYS_BYTES, MOST_TIMES * packed)):
        message = f"Unpacked the workbook has {total:,} bytes in {len(parts):,} parts: that is no table."
        raise Invalid(message, code="unpacked_too_large")
    for part in parts:
        if part.flag_bits & ENCRYPTED:
            raise encrypted("workbook")
        if part.filename.lower().endswith((".xml", ".rels")):
            _refuse_document_type(archive, part)


def _refuse_document_type(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    with archive.open(part) as opened:
        head = opened.read(LOOKED_AT)
    if b"<!DOCTYPE" in head or "<!DOCTYPE".encode("utf-16-le") in head or "<!DOCTYPE".encode("utf-16-be") in head:
        message = "The workbook declares a document type, which no spreadsheet does and attacks need. Save it again."
        raise Invalid(message, code="unsafe_file")


def _chosen(book: Any, sheet: str | None) -> ReadOnlyWorksheet:  # noqa: ANN401 - openpyxl has no types
    """By name, by place from 1, or the first that is not hidden."""
    sheets = [s for s in book.worksheets if isinstance(s, ReadOnlyWorksheet)]
    if sheet is None:
        found = next((s for s in sheets if s.sheet_state == "visible"), None)
    else:
        found = next((s for s in sheets if s.title == sheet), None) or (
            sheets[int(sheet) - 1] if sheet.isdecimal() and 0 < int(sheet) <= len(sheets) else None
        )
    if found is None:
        message = f"The workbook has no sheet {sheet!r}. It has: {', '.join(book.sheetnames[:50])}."
        raise Invalid(message, code="bad_option", problems=(Problem("options.sheet", "bad_option", message),))
    found.reset_dimensions()  # what a file says of its size is often wrong
    return found


def _rows(sheet: Any) -> Iterator[list[str]]:  # noqa: ANN401 - the stubs know no streamed rows of a streamed sheet
    """Each row from the sheet's first; a missing one is an empty line. Many empty ones at the end are left out."""
    empty = 0
    for row in sheet.iter_rows(values_only=True):
        cells = [_text(value) for value in row]
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            empty += 1
            if empty >= MOST_EMPTY:
                return
            continue
        yield from ([] for _ in range(empty))
        empty = 0
        yield cells


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime() | date() | time():
            return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
        case timedelta():
            return str(value)
        case float():
            return repr(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
        case _:
            return str(value).replace("\r\n", "\n").replace("\r", "\n").replace("\n", NEWLINE_MARK)


def _chunks(rows: Iterable[list[str]]) -> Iterator[bytes]:
    """CSV of many rows at a time, all as wide as the widest of the first ones: a sheet has no ragged rows."""
    first: list[list[str]] = []
    width = 0
    for row in rows:
        first.append(row)
        if len(first) >= CHUNK_ROWS:
            width = max(width, *map(len, first))
            yield _csv(first, width)
            first = []
    if first:
        yield _csv(first, max(width, *map(len, first)))


def _csv(rows: list[list[str]], width: int) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    for row in rows:
        if row:
            writer.writerow([*row, *[""] * (width - len(row))])
        else:
            out.write("\n")
    return out.getvalue().encode("utf-8", "replace")

"""A sheet of an Excel workbook as text: one line for each row of the sheet, so that lines are rows.

openpyxl is loaded with the first workbook: it takes 7 MB of a worker, and most read none.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from itertools import chain, islice
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from wharf.common.errors import Invalid, Problem
from wharf.ingest_worker.reading import ByteSource
from wharf.ingest_worker.unpacking.compressed import ALWAYS_BYTES, ENCRYPTED, MOST_TIMES, damaged, encrypted
from wharf.ingest_worker.unpacking.forward import as_file
from wharf.ingest_worker.unpacking.written import cell_of, written

if TYPE_CHECKING:
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

BOOK = "xl/workbook.xml"
FIRST_ROWS = 1000
"""As wide as the widest of them all rows are made: a sheet has no ragged ones."""
MOST_PARTS = 10_000
MOST_BYTES = 4 * 2**30
LOOKED_AT = 64 * 1024
SKIPPED = re.compile(r"<\?.*?\?>|<!--.*?-->", re.DOTALL)
"""What may stand before a part's first element."""
ELEMENT = re.compile(r"<[A-Za-z_]")
WHOLE = 2**53
"""Up to here a float is exactly the whole number that it looks like."""


def sheet_chunks(source: ByteSource, sheet: str | None) -> Iterator[bytes]:
    """A sheet's rows as text.

    Raises `Invalid`: `damaged_file`, `encrypted_file`, `unpacked_too_large`, `unsafe_file` for a document type, and
    `bad_option` for a sheet that there is not.
    """
    with _opened(source) as book:
        yield from written(_even(_rows(_chosen(book, sheet))))


def sheet_names(source: ByteSource) -> tuple[str, ...] | None:
    """All sheets of a workbook; None where an archive is none. Raises `Invalid` as `sheet_chunks` does."""
    try:
        with zipfile.ZipFile(as_file(source)) as archive:
            if BOOK not in archive.namelist():
                return None
            _refuse_unsafe(archive, source.size)
            with archive.open(BOOK) as part:
                sheets = ET.parse(part).iterfind("{*}sheets/{*}sheet")  # noqa: S314 - it declares no entities
                return tuple(sheet.get("name", "") for sheet in sheets)
    except (zipfile.BadZipFile, ET.ParseError):
        return None


@contextmanager
def _opened(source: ByteSource) -> Iterator[Any]:
    from openpyxl import load_workbook  # noqa: PLC0415 - see the module's first lines
    from openpyxl.utils.exceptions import InvalidFileException  # noqa: PLC0415 - as above

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
    except (zipfile.BadZipFile, InvalidFileException, ET.ParseError, KeyError, ValueError, EOFError) as error:
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
    """A part begins with its first element, comments apart: what else comes there is what attacks are made of."""
    with archive.open(part) as opened:
        head = opened.read(LOOKED_AT)
    codec = "utf-16" if head[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8"
    text = SKIPPED.sub("", head.decode(codec, "ignore")).lstrip("\ufeff \t\r\n")
    if text and not ELEMENT.match(text):
        message = "The workbook declares a document type, which no spreadsheet does and attacks need. Save it again."
        raise Invalid(message, code="unsafe_file")


def _chosen(book: Any, sheet: str | None) -> ReadOnlyWorksheet:  # noqa: ANN401 - openpyxl has no types
    """By name, by place from 1, or the first that is not hidden."""
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet  # noqa: PLC0415 - see the module's first lines

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
    """Each row without the empty cells at its end; the empty rows below the last other one are left out."""
    empty = 0
    for row in sheet.iter_rows(values_only=True):
        cells = [_text(value) for value in row]
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            empty += 1
            continue
        yield from ([] for _ in range(empty))
        empty = 0
        yield cells


def _even(rows: Iterator[list[str]]) -> Iterable[list[str]]:
    first = list(islice(rows, FIRST_ROWS))
    width = max(map(len, first), default=0)
    return (row and [*row, *[""] * (width - len(row))] for row in chain(first, rows))


def _text(value: object) -> str:
    match value:
        case datetime():
            return value.isoformat(" ")
        case date() | time():
            return value.isoformat()
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < WHOLE else repr(value)
        case _:
            return cell_of(value)

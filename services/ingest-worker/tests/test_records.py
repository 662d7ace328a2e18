"""Blocks of whole records from the original bytes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.ingest_worker.reading.records import Block, read_blocks
from wharf.ingest_worker.reading.source import Bytes, Cursor
from wharf.ingest_worker.reading.splitter import Syntax

CSV = Syntax("utf-8", ",", '"')
WIDE = ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]
Found = tuple[int, int, bytes, str]

messy_text = st.text(alphabet='ab",\n\r ', max_size=60)


def found_in(data: bytes, syntax: Syntax = CSV, *, block_bytes: int = 2**20, max_record: int = 2**20) -> list[Found]:
    """Every record and broken line: (byte offset, line, text, code)."""
    blocks = read_blocks(Bytes(data), syntax, Cursor(), block_bytes=block_bytes, max_record=max_record)
    return [record for block in blocks for record in records_of(block)]


def records_of(block: Block) -> list[Found]:
    """The same of one block."""
    base = block.start.byte_offset
    if block.broken:
        return [(base, block.broken.line, block.data[: block.broken.length], block.broken.code)]
    return [(base + int(block.starts[i]), int(block.lines[i]), block.record(i), "") for i in range(len(block))]


def by_the_letter(text: str) -> list[tuple[int, int, str]]:
    """What the splitter must find, letter by letter: (offset, line, text) of every record that is not blank."""
    found, start, line, first_line, state, i = [], 0, 1, 1, "start", 0
    while i < len(text):
        c = text[i]
        ends_line = c == "\n" or (c == "\r" and text[i + 1 : i + 2] != "\n")
        line += ends_line
        if state == "quoted" and c == '"':
            if text[i + 1 : i + 2] == '"':
                i += 1
            else:
                state = "field"
        elif state != "quoted":
            if ends_line:
                found.append((start, first_line, text[start:i].removesuffix("\r") if c == "\n" else text[start:i]))
                start, first_line, state = i + 1, line, "start"
            elif c == '"' and state == "start":
                state = "field" if is_stray(text, i) else "quoted"
            else:
                state = "start" if c == "," or (c == "\r" and state == "start") else "field"
        i += 1
    if state == "quoted":
        return [*(r for r in found if r[2].strip(" ")), (start, first_line, "")]
    return [r for r in [*found, (start, first_line, text[start:])] if r[2].strip(" ")]


def is_stray(text: str, at: int) -> bool:
    """Whether the next odd run of quotes opens a cell too, and does not close this one."""
    runs = [m for m in re.finditer('"+', text) if m.end() > at]
    later = [m for m in runs[1:] if len(m[0]) % 2]
    if not later or len(runs[0][0]) % 2 == 0:
        return False
    before, after = text[: later[0].start()][-1:], text[later[0].end() :][:1]
    return before in {",", "\n", "\r"} and after not in {"", ",", "\n", "\r"}


@given(messy_text)
def test_records_are_those_of_a_machine_that_reads_letter_by_letter(text: str) -> None:
    """Offsets, lines and texts, whatever stands where; up to a quote that nothing closes."""
    expected = by_the_letter(text)
    found = [(offset, line, raw.decode()) for offset, line, raw, code in found_in(text.encode()) if not code]
    broken = [(offset, line) for offset, line, _, code in found_in(text.encode()) if code]
    if expected and not expected[-1][2]:
        assert broken[0] == expected[-1][:2]
        expected = expected[:-1]
    assert found[: len(expected)] == expected


@given(messy_text, st.integers(1, 40), st.integers(4, 40))
def test_where_blocks_are_cut_changes_nothing(text: str, block_bytes: int, max_record: int) -> None:
    """Every size of block finds the same records, broken lines too."""
    whole = found_in(text.encode(), max_record=max_record)
    assert found_in(text.encode(), block_bytes=block_bytes, max_record=max_record) == whole


@given(messy_text, st.integers(1, 30))
def test_reading_on_from_any_cursor_gives_exactly_the_rest(text: str, block_bytes: int) -> None:
    """A resumed attempt finds what the first one would have found."""
    source = Bytes(text.encode())
    blocks = list(read_blocks(source, CSV, Cursor(), block_bytes=block_bytes, max_record=20))
    for i, block in enumerate(blocks):
        rest = [r for b in read_blocks(source, CSV, block.next, max_record=20) for r in records_of(b)]
        assert rest == [r for b in blocks[i + 1 :] for r in records_of(b)]
        assert block.next.record == sum(len(records_of(b)) for b in blocks[: i + 1])


@given(messy_text, st.sampled_from(WIDE))
def test_wide_encodings_are_cut_by_their_code_units(text: str, codec: str) -> None:
    """Offsets count bytes, as many for each letter as the encoding has."""
    unit = len("a".encode(codec))
    expected = [(at * unit, line, raw.decode().encode(codec), code) for at, line, raw, code in found_in(text.encode())]
    assert found_in(text.encode(codec), Syntax(codec, ",", '"')) == expected


@given(messy_text)
def test_offsets_point_at_the_records_in_the_file(text: str) -> None:
    """Who looks there finds the record."""
    data = text.encode()
    assert all(data[at:].startswith(raw) for at, _, raw, _ in found_in(data))


def test_a_stray_quote_inside_a_cell_is_data() -> None:
    """An inch mark opens nothing."""
    data = b'5" pipe,1\n6" pipe,2\n"7"" pipe",3\n'
    assert [raw for _, _, raw, _ in found_in(data)] == [b'5" pipe,1', b'6" pipe,2', b'"7"" pipe",3']


def test_an_unclosed_quote_costs_its_line_and_not_the_file() -> None:
    """The lines after it are read as records again."""
    data = b'a,1\n"b,2\nc,3\nd,4\n'
    assert found_in(data) == [
        (0, 1, b"a,1", ""),
        (4, 2, b'"b,2', "unclosed_quote"),
        (9, 3, b"c,3", ""),
        (13, 4, b"d,4", ""),
    ]


def test_a_record_that_is_too_long_costs_its_first_line() -> None:
    """Of an endless line only as much is kept as a record may have."""
    quoted = b'a,1\n"' + b"x\n" * 30 + b'",2\nc,3\n'
    assert found_in(quoted, max_record=20)[:2] == [(0, 1, b"a,1", ""), (4, 2, b'"x', "record_too_long")]
    endless = b"a,1\n" + b"x" * 100 + b"\r\nc,3\n"
    expected = [(0, 1, b"a,1", ""), (4, 2, b"x" * 20, "record_too_long"), (106, 3, b"c,3", "")]
    for block_bytes in (1, 7, 103, 104, 105, 106, 1000):
        assert found_in(endless, block_bytes=block_bytes, max_record=20) == expected


def test_a_record_of_just_the_permitted_size_is_one() -> None:
    """The limit counts the record's bytes without its line end."""
    data = b"x" * 20 + b"\r\n" + b"y" * 21 + b"\r\n"
    assert [code for *_, code in found_in(data, block_bytes=5, max_record=20)] == ["", "record_too_long"]


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_every_line_end_is_one(newline: bytes) -> None:
    """Blank lines and lines of spaces are no records, and count as lines."""
    data = newline.join([b"a,1", b"", b"  ", b'"b', b'",2', b"c,3"])
    blocks = list(read_blocks(Bytes(data), CSV, Cursor()))
    assert [(line, raw) for block in blocks for _, line, raw, _ in records_of(block)] == [
        (1, b"a,1"),
        (4, b'"b' + newline + b'",2'),
        (6, b"c,3"),
    ]
    assert sum(block.skipped for block in blocks) == 2


def test_tabs_are_cells_where_they_delimit() -> None:
    """A row of empty cells is no blank line."""
    assert len(found_in(b"a\tb\n\t\nc\td\n", Syntax("utf-8", "\t", '"'))) == 3
    assert len(found_in(b"a,b\n\t\nc,d\n")) == 2


def test_half_a_code_unit_at_the_end_is_kept() -> None:
    """A file that was cut off loses nothing silently."""
    data = "a,1\nb,2\n".encode("utf-16-le") + b"c"
    assert found_in(data, Syntax("utf-16-le", ",", '"'))[-1] == (16, 3, b"c", "")


@pytest.mark.parametrize(("rows", "sizes"), [(400, [250, 500, 1000, 1000, 1000, 250]), (300, [1000, 1000, 1000])])
def test_a_large_file_begins_with_small_blocks(rows: int, sizes: list[int]) -> None:
    """Two connections have something to send sooner; a small file is not divided for that."""
    blocks = read_blocks(Bytes(b"123456789\n" * rows), CSV, Cursor(), block_bytes=1000)
    assert [block.consumed for block in blocks] == sizes

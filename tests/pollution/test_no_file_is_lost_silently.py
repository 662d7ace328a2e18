"""Thousands of damaged files: every line of each is a row, a reject, or listed as skipped, and nothing falls over."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import pytest

from tests.pollution.polluter import pollute
from tests.pollution.tables import catalogue, measurements, people
from wharf.common.errors import Invalid
from wharf.common.imports import ImportOptions
from wharf.common.profiles import Column, Profile
from wharf.ingest_worker.reading import SAMPLE_BYTES, Bytes, Plan, detect, named, read_batches
from wharf.ingest_worker.reading.mapping import ColumnMapping, Match

FILES = 700
"""Of each table: with three tables more than two thousand."""
REFUSALS = {"empty_file", "binary_file", "no_header"}
MARKS = b"\",;\t|\n\r\\'\0\xff\xc3 #=-0"


def damaged(data: bytes, rng: random.Random) -> bytes:
    """The file with some bytes lost, added, doubled or exchanged."""
    found = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(found) + 1)
        match rng.randrange(5):
            case 0:
                del found[at : at + rng.randint(1, 40)]
            case 1:
                found[at:at] = bytes([rng.choice(MARKS)])
            case 2:
                found[at : at + 1] = bytes([rng.choice(MARKS)])
            case 3:
                found[at:at] = found[at : at + rng.randint(1, 200)]
            case _:
                found[at:at] = bytes([rng.choice(MARKS)]) * rng.randint(2, 30)
    return bytes(found)


def corpus(seed: int) -> Iterator[bytes]:
    """Polluted files of one table, damaged further."""
    rng = random.Random(seed)
    table = (catalogue, measurements, people)[seed % 3](30, seed)
    files = [file.data for file in pollute(table, seed, 5)]
    for n in range(FILES):
        yield damaged(files[n % len(files)], rng)


def account(data: bytes) -> tuple[int, int, int, int]:
    """Of one file: rows, rejects, blank lines, and lines that are told to be none of the table."""
    dialect = detect(data, len(data), ImportOptions(), frozenset())
    names = [f"c{i}" for i in range(len(dialect.header))]
    profile = Profile(name="any", title="Any", columns=tuple(Column(name=name) for name in names))
    matches = tuple(Match(name, i, names[i]) for i, name in enumerate(named(dialect.header)))
    plan = Plan(dialect, ColumnMapping(matches), {})
    batches = list(read_batches(Bytes(data), plan, profile))
    rows, rejects = sum(b.rows.num_rows for b in batches), sum(b.rejects.num_rows for b in batches)
    assert rows + rejects == sum(b.records for b in batches)
    last = batches[-1].cursor if batches else dialect.data
    assert last.record == rows + rejects
    end = len(data) if dialect.end is None else dialect.end
    assert last.byte_offset >= len(data[:end].rstrip(b"\r\n\0 \t")), "bytes that nobody read"
    before = len(re.findall(rb"\r\n|\r|\n", data[: dialect.data.byte_offset]))
    named_lines = len(dialect.skipped_lines) + _lines_of_header(dialect.header_rows, data, dialect.data.line)
    assert before in {named_lines, named_lines - 1}, "lines above the table that are not listed"
    behind = data[end:].rstrip(b"\r\n")
    assert len(dialect.following) == (len(re.split(rb"\r\n|\r|\n", behind)) if behind else 0)
    return rows, rejects, sum(b.skipped for b in batches), len(dialect.skipped(last.line, ()))


def _lines_of_header(rows: tuple[int, ...], data: bytes, data_line: int) -> int:
    del data
    return data_line - rows[0] if rows else 0


def refusal(data: bytes) -> str | None:
    """The code with which a file is refused; None where it was read."""
    try:
        account(data)
    except Invalid as refused:
        return refused.error_code
    return None


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_byte_of_a_damaged_file_is_accounted_for(seed: int) -> None:
    """No crash and no hang; a file that is refused is refused in our words."""
    refused = [code for data in corpus(seed) if (code := refusal(data))]
    assert len(refused) < FILES * 0.1
    assert set(refused) <= REFUSALS


@pytest.mark.parametrize("size", [0, 1, SAMPLE_BYTES - 1, SAMPLE_BYTES, SAMPLE_BYTES + 1])
def test_bytes_without_any_order_are_read_or_refused(size: int) -> None:
    """Whatever they are."""
    for seed in range(8):
        assert refusal(random.Random(seed).randbytes(size)) in REFUSALS | {None}

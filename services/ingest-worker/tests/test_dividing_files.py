"""Where a large file is divided."""

from __future__ import annotations

import random
from typing import Any

import pytest

from wharf.common.imports import ImportOptions
from wharf.common.profiles import Profile, builtin_profile
from wharf.ingest_worker.division import divided
from wharf.ingest_worker.reading import SAMPLE_BYTES, Bytes, Cursor, Plan, make_plan, read_batches
from wharf.ingest_worker.reading.source import Beginning

HEADER = "transaction_id,date,product_id,quantity,unit_price,notes"
BLOCK = 128 * 1024
PART = 150_000


def row(number: int, chance: random.Random, note: str) -> str:
    """A line of an invoice of one to four lines; some are bad."""
    quantity = "many" if chance.random() < 0.02 else str(chance.randint(1, 9))
    return f'T{number:06},2025-03-04,P{chance.randint(1, 50)},{quantity},9.50,"{note}"'


def table(seed: int, *, newline: str = "\n", stray: float = 0.0) -> bytes:
    """A file of about 1 MB, with line ends, commas and quotes in its cells."""
    chance, lines = random.Random(seed), [HEADER]
    for number in range(3_000):
        for _ in range(chance.randint(1, 4)):
            note = chance.choice(["", "plain", "two" + newline + "lines", 'a ""quoted"" word', "a, b, c", "x" * 200])
            text = row(number, chance, note)
            lines.append(text.replace("P", '"P', 1) if chance.random() < stray else text)
    return (newline.join(lines) + newline).encode()


def planned(data: bytes) -> tuple[Plan, Profile]:
    """How the file is read."""
    profile = builtin_profile("transactions")
    return make_plan(data[:SAMPLE_BYTES], len(data), profile, ImportOptions()), profile


def read(source: Any, plan: Plan, profile: Profile, cursor: Cursor) -> tuple[list[Any], list[Any], int]:
    """All rows, all rejects, and how many records there were."""
    batches = list(read_batches(source, plan, profile, cursor, block_bytes=BLOCK))
    rows = [one for batch in batches for one in batch.rows.to_pylist()]
    rejects = [one for batch in batches for one in batch.rejects.to_pylist()]
    return rows, rejects, sum(batch.records for batch in batches)


@pytest.mark.parametrize(
    ("newline", "stray"), [("\n", 0.0), ("\r\n", 0.0), ("\r", 0.0), ("\n", 0.0005)], ids=["lf", "crlf", "cr", "stray"]
)
def test_parts_are_read_as_the_whole_is(newline: str, stray: float) -> None:
    """Every row, every reject, with its line and its byte; whatever stands in the cells."""
    data = table(3, newline=newline, stray=stray)
    plan, profile = planned(data)
    parts = divided(Bytes(data), plan, profile, PART, lambda _: None, block_bytes=BLOCK)
    assert len(parts) > 2
    assert [end for _, end in parts] == [*(begin.byte_offset for begin, _ in parts[1:]), len(data)]
    whole = read(Bytes(data), plan, profile, plan.dialect.data)
    found = [read(Beginning(Bytes(data), end), plan, profile, begin) for begin, end in parts]
    assert [one for part in found for one in part[0]] == whole[0]
    assert [one for part in found for one in part[1]] == whole[1]
    assert [begin.record for begin, _ in parts[1:]] == [sum(p[2] for p in found[:n]) for n in range(1, len(parts))]


def test_no_invoice_is_cut_in_two() -> None:
    """Its lines are numbered in one part: no other one has a line of it."""
    data = table(5)
    plan, profile = planned(data)
    parts = divided(Bytes(data), plan, profile, PART, lambda _: None, block_bytes=BLOCK)
    seen = [
        {one["transaction_id"] for one in read(Beginning(Bytes(data), end), plan, profile, begin)[0]}
        for begin, end in parts
    ]
    assert sum(map(len, seen)) == len(set().union(*seen))


ONE_ROW = f'{HEADER}\nT1,2025-03-04,P1,1,1,"{"x" * 900_000}"\n'.encode()


@pytest.mark.parametrize("data", [table(7)[:PART], ONE_ROW], ids=["small", "one row"])
def test_what_cannot_be_divided_stays_whole(data: bytes) -> None:
    """A small file, and one that is a single row."""
    plan, profile = planned(data)
    assert divided(Bytes(data), plan, profile, PART, lambda _: None, block_bytes=BLOCK) == []


def test_many_parts_are_not_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small the parts are asked for, a file has no more of them than that."""
    monkeypatch.setattr("wharf.ingest_worker.division.MOST_PARTS", 3)
    data = table(9)
    plan, profile = planned(data)
    assert len(divided(Bytes(data), plan, profile, 1, lambda _: None, block_bytes=BLOCK)) in {2, 3}

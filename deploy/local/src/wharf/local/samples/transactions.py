"""Sales transactions of a made-up shop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from io import BufferedWriter
from itertools import islice
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from wharf.local.samples.catalogue import QUANTITIES, STORES, cell, customers, days, notes, products, times
from wharf.local.samples.expected import Expected, ExpectedReject

BATCH: Final = 20_000
HEADER: Final = (
    "transaction_id", "line_number", "date", "product_id", "product_name", "category", "quantity", "unit_price",
    "total", "customer_id", "store", "notes",
)  # fmt: skip


class Fault(NamedTuple):
    """A way to spoil a row: which cell, with what, and the code of the reject that has to follow."""

    column: str | None
    text: str
    code: str


FAULTS: Final = (
    Fault("quantity", "", "required"),
    Fault("unit_price", "twelve", "not_a_number"),
    Fault("date", "2025-02-30", "not_a_date"),
    Fault(None, ",surplus", "too_many_cells"),
)


class Row(NamedTuple):
    """The cells of one row, as they stand in the file; `product` holds three. `amount` is in cents."""

    transaction: str
    line: str
    date: str
    product: str
    quantity: str
    price: str
    total: str
    rest: str
    amount: int


def write_transactions(
    path: Path,
    rows: int,
    *,
    seed: int = 1,
    bad: int = 0,
    most_lines: int = 6,
    numbered: bool = False,
    totals: bool = False,
    date_format: str = "%Y-%m-%d",
    time_format: str = "%H:%M:%S",
    prefix: str = "T",
) -> Expected:
    """Write `rows` rows, `bad` of them spoilt and spread evenly; says what must become of them.

    An invoice has 1 to `most_lines` lines, counted in `line_number` where they are `numbered`. Transaction ids are
    `prefix` and a number: files of different prefixes share no key. About 100 bytes a row and 200,000 rows a second.
    The expected `total` is the sum of quantity x unit price.
    """
    shop = Shop(Random(seed), most_lines, prefix, date_format, time_format)  # noqa: S311 - a sample needs no secrecy
    columns = [name for name in HEADER if (name != "line_number" or numbered) and (name != "total" or totals)]
    with path.open("wb") as file:
        file.write((",".join(columns) + "\n").encode())
        written = Sheet(file, rows, bad, numbered=numbered, totals=totals)
        made = shop.rows()
        while batch := list(islice(made, min(BATCH, rows - written.rows))):
            written.add(batch)
    return Expected(rows, Decimal(written.cents).scaleb(-2), tuple(written.rejects))


@dataclass
class Shop:
    """Sells without end."""

    chance: Random
    most_lines: int
    prefix: str
    date_format: str
    time_format: str

    def rows(self) -> Iterator[Row]:
        """Yield the lines of one invoice after the other."""
        choose = self.chance.choices
        goods = [(cells, cents, f"{cents / 100:.2f}") for cells, cents in products(self.chance)]
        days_, times_ = days(self.date_format), times(self.time_format)
        people, shops, remarks = customers(), [cell(store) for store in STORES], notes()
        lengths = range(1, self.most_lines + 1)
        number = 0
        while True:
            drawn = zip(*(choose(pool, k=BATCH) for pool in (days_, times_, people, shops, lengths)), strict=True)
            lines = zip(
                *(choose(pool, k=BATCH * self.most_lines) for pool in (goods, QUANTITIES, remarks)), strict=True
            )
            for day, time, person, shop, length in drawn:
                number += 1
                transaction, date, buyer = f"{self.prefix}{number:08d}", f"{day} {time}", f"{person},{shop}"
                for line, ((cells, cents, price), quantity, note) in enumerate(islice(lines, length), start=1):
                    amount = quantity * cents
                    yield Row(
                        transaction, str(line), date, cells, str(quantity), price, f"{amount / 100:.2f}",
                        f"{buyer},{note}", amount,
                    )  # fmt: skip


@dataclass
class Sheet:
    """Writes rows into `file`, every so often a spoilt one, and keeps account of them."""

    file: BufferedWriter
    planned: int
    bad: int
    numbered: bool
    totals: bool
    rows: int = 0
    cents: int = 0
    rejects: list[ExpectedReject] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._line = 2
        self._offset = self.file.tell()

    def add(self, batch: list[Row]) -> None:
        """Write these rows."""
        done = 0
        for place in self._bad_places(len(batch)):
            self._write_good(batch[done:place])
            self._write_bad(batch[place])
            done = place + 1
        self._write_good(batch[done:])

    def _bad_places(self, length: int) -> list[int]:
        """The places in the next `length` rows that are spoilt: in the middle of each of `bad` equal stretches."""
        first = self.rows
        places = ((2 * nth + 1) * self.planned // (2 * self.bad) for nth in range(len(self.rejects), self.bad))
        found = []
        for place in places:
            if place >= first + length:
                break
            found.append(place - first)
        return found

    def _write_good(self, rows: list[Row]) -> None:
        self._write("".join([self._text(row) for row in rows]), len(rows))
        self.cents += sum([row.amount for row in rows])

    def _write_bad(self, row: Row) -> None:
        fault = FAULTS[len(self.rejects) % len(FAULTS)]
        self.rejects.append(ExpectedReject(self._line, self._offset, fault.column, fault.code))
        spoilt = {
            "quantity": row._replace(quantity=fault.text),
            "unit_price": row._replace(price=fault.text),
            "date": row._replace(date=fault.text),
        }.get(fault.column or "", row._replace(rest=row.rest + fault.text))
        self._write(self._text(spoilt), 1)

    def _text(self, row: Row) -> str:
        line = f",{row.line}" if self.numbered else ""
        total = f",{row.total}" if self.totals else ""
        return f"{row.transaction}{line},{row.date},{row.product},{row.quantity},{row.price}{total},{row.rest}\n"

    def _write(self, text: str, rows: int) -> None:
        data = text.encode()
        self.file.write(data)
        self.rows += rows
        self._line += data.count(b"\n")
        self._offset += len(data)

"""Clean tables of different kinds, and how a table is written as text."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Sequence
from dataclasses import dataclass

WORDS = [
    "harbour", "crane", "pallet", "rope", "anchor", "light", "gate", "store",
    "winter", "cotton", "steel", "paint", "small", "heavy", "round", "blue",
]  # fmt: skip
CITIES = ("Oslo", "Bergen", "Lyon", "São Paulo", "Zürich", "Kraków", "Moss", "Århus")


@dataclass(frozen=True)
class Table:
    """A header and its rows, all of one width."""

    name: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Writing:
    """How cells become text. `always`: every cell is quoted."""

    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    newline: str = "\r\n"
    always: bool = False

    def cell(self, text: str) -> str:
        """One cell, quoted where it must be."""
        special = (self.delimiter, self.quote, "\r", "\n", *(self.escape,) * bool(self.escape))
        if not self.always and not any(mark in text for mark in special):
            return text
        inner = text.replace(self.escape, self.escape * 2) if self.escape else text
        inner = inner.replace(self.quote, (self.escape or self.quote) + self.quote)
        return f"{self.quote}{inner}{self.quote}"

    def row(self, cells: Sequence[str]) -> str:
        """One row without its end."""
        return self.delimiter.join(map(self.cell, cells))

    def text(self, rows: Sequence[Sequence[str]]) -> str:
        """All rows, each with its end."""
        return "".join(self.row(row) + self.newline for row in rows)


def catalogue(rows: int, seed: int) -> Table:
    """Dates, times, codes, money, words and sentences with commas and quotes, as a shop writes them."""
    rng = random.Random(seed)
    made = tuple(
        (
            f"{rng.randint(13, 28):02}/{rng.randint(1, 12):02}/2024", f"{rng.randint(0, 23):02}:{rng.randint(0, 5)}0",
            str(rng.randint(0, 30)), f"{rng.choice('ABKR')}{rng.choice('XYZ')}-{rng.randint(1000, 9999)}",
            f"${rng.randint(1, 99)}.{rng.randint(10, 99)}", _name(rng), _sentence(rng),
            f"https://shop.example/{rng.randint(100, 999)}.html", "",
        )
        for _ in range(rows)
    )  # fmt: skip
    header = ("Date", "Time", "Qty", "Product", "Price", "Kind", "Description", "Link", "Comments")
    return Table("catalogue", header, made)


def measurements(rows: int, seed: int) -> Table:
    """Mostly numbers."""
    rng = random.Random(seed)
    made = tuple(
        (str(n), f"2024-0{rng.randint(1, 9)}-{rng.randint(10, 28)} 10:{rng.randint(10, 59)}:00",
         f"{rng.gauss(20, 5):.3f}", f"{rng.gauss(0, 1):.2e}", rng.choice(["ok", "low", "high"]))
        for n in range(1, rows + 1)
    )  # fmt: skip
    return Table("measurements", ("sensor", "taken at", "temperature", "drift", "state"), made)


def people(rows: int, seed: int) -> Table:
    """Names, addresses with commas, mail, a yes and no, an amount."""
    rng = random.Random(seed)
    made = tuple(
        (str(1000 + n), f"{rng.choice(WORDS).title()} O'{rng.choice(WORDS).title()}",
         f"{rng.choice(WORDS).title()} street {rng.randint(1, 99)}, {rng.choice(CITIES)}",
         f"{rng.choice(WORDS)}{n}@mail.example", rng.choice(["yes", "no"]),
         f"{rng.randint(10, 9999)}.{rng.randint(10, 99)}",
         rng.choice(CITIES))
        for n in range(rows)
    )  # fmt: skip
    return Table("people", ("id", "full name", "address", "mail", "active", "balance", "city"), made)


def from_csv(name: str, text: str, rows: int) -> Table:
    """A real file's first rows."""
    found = list(csv.reader(io.StringIO(text)))
    width = len(found[0])
    body = tuple(tuple(row) for row in found[1:] if len(row) == width)
    return Table(name, tuple(found[0]), body[:rows])


def _name(rng: random.Random) -> str:
    plain = f"{rng.choice(WORDS).title()} {rng.choice(WORDS)}"
    return rng.choice([plain, f"Men's {plain}", f"{plain}, {rng.choice(WORDS)}", f'{plain}, {rng.randint(5, 48)}"'])


def _sentence(rng: random.Random) -> str:
    parts = [" ".join(rng.choice(WORDS) for _ in range(rng.randint(3, 8))) for _ in range(rng.randint(1, 4))]
    return ", ".join(parts).capitalize() + "."

"""What a made-up shop sells, where, to whom, and what its people note: ready as cells of a CSV."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

FIRST_DAY: Final = datetime(2025, 1, 1, tzinfo=UTC)
DAYS: Final = 365
OPENS_AT: Final = 8
OPEN_HOURS: Final = 12

CATEGORIES: Final = {
    "Garden": ("Spade", "Rake", "Watering can, 10 l", "Lawn seed", "Flower pot, glazed"),
    "Tools": ("Hammer", "Screws, 4 x 40 mm", "Drill bit set", 'Tape measure 16"', "Spirit level"),
    "Kitchen": ("Pan", "Kettle", "Bread knife", "Crème brûlée torch", "Mug, large"),
    "Light & Power": ("LED bulb", "Extension lead, 5 m", "Battery AA", "Torch", "Desk lamp"),
    "Paint": ("Wall paint, white", "Brush", "Roller", "Lacquer, Öl", "Masking tape"),
    "Bath": ("Towel", "Soap", "Shower curtain", "Mirror", 'Tap 1/2"'),
}
MAKERS: Final = ("Müller", "Ferreira", "Nordlys", "O'Brien & Sons", "Kaya", "Łukasz", "Hansen", "Dubois")
PRICE_LEVELS: Final = (100, 90, 75)
"""Regular, for members, in the sale: percent."""

STORES: Final = (
    "Köln Mitte", "Zürich HB", "Lyon", "Gdańsk", "Porto", "Oslo", "Leeds", "Århus", "Bruges", "Graz", "Turku", "Malmö",
)  # fmt: skip
CUSTOMERS: Final = 20_000
WITHOUT_CARD: Final = 2_000
"""Of so many more customers nobody knows the number."""

NOTES: Final = (
    "Gift wrapped",
    'Said "thanks", came back for two more',
    "Ring twice,\nleave at the door",
    "Rückgabe möglich",
    "Paid by voucher; the rest in cash",
    "Box damaged, 10 % off",
)
ROWS_A_NOTE: Final = 12
"""One row in about so many has a note."""

QUANTITIES: Final = (1,) * 50 + (2,) * 20 + (3, 4, 5, 6, 8, 10, 12) * 4 + (-1, 24)
"""Mostly one; a return now and then."""


def cell(text: str) -> str:
    """`text` as a CSV cell, quoted where it has to be."""
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if any(mark in text for mark in ',"\r\n') else text


def products(chance: Random) -> list[tuple[str, int]]:
    """All products at all their prices: the cells of id, name and category, and the price in cents."""
    found = []
    for number, (category, maker, name) in enumerate(
        (category, maker, name) for category, names in CATEGORIES.items() for maker in MAKERS for name in names
    ):
        cells = f"P-{number:04d},{cell(f'{maker} {name}')},{cell(category)}"
        regular = chance.randrange(95, 25_000)
        found += [(cells, regular * level // 100) for level in PRICE_LEVELS]
    return found


def customers() -> list[str]:
    """The cells of the customers' numbers, empty where nobody knows it."""
    return [f"C{number:05d}" for number in range(CUSTOMERS)] + [""] * WITHOUT_CARD


def notes() -> list[str]:
    """The cells of notes; most are empty."""
    return [cell(note) for note in NOTES] + [""] * (len(NOTES) * (ROWS_A_NOTE - 1))


def days(date_format: str) -> list[str]:
    """The days of a year, in a format of `strftime`."""
    return [(FIRST_DAY + timedelta(days=day)).strftime(date_format) for day in range(DAYS)]


def times(time_format: str) -> list[str]:
    """The seconds of a day in which the shop is open, in a format of `strftime`."""
    opens = FIRST_DAY + timedelta(hours=OPENS_AT)
    return [(opens + timedelta(seconds=second)).strftime(time_format) for second in range(OPEN_HOURS * 3600)]

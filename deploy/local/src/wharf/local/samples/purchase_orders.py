"""Purchase orders of a made-up factory: lines that speak again and again of the same suppliers and materials."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from wharf.local.samples.expected import Expected
from wharf.local.samples.sheet import Sheet, Spoiling, spoilt_rows

HEADER: Final = (
    "PO Number", "Supplier Code", "Supplier Name", "Material Code", "Material Name", "Quantity", "Unit", "Unit Price",
    "Currency", "Order Date", "Delivery Date",
)  # fmt: skip
WAYS: Final = (
    Spoiling(0, "", "po_number", "required"),
    Spoiling(7, "twelve", "unit_price", "not_a_number"),
    Spoiling(9, "2025-02-30", "order_date", "not_a_date"),
)

SUPPLIERS: Final = 60
MATERIALS: Final = 400
OFFERS: Final = 25
MOST_LINES: Final = 8
FIRST_DAY: Final = date(2025, 1, 1)
TOWNS: Final = ("Köln", "Porto", "Gdańsk", "Leeds", "Turku", "Århus")
TRADES: Final = ("Steel", "Chemicals", "Bearings & Seals", "Packaging", "Fasteners, special")
STUFFS: Final = ("Plate", "Rod", "Gasket", "Bearing", "Solvent", "Carton", "Bolt M8 x 40", 'Pipe 2"')
UNITS: Final = ("PCE", "KG", "M", "L")
CURRENCIES: Final = ("EUR", "EUR", "USD", "PLN")


class Offer(NamedTuple):
    """What one supplier asks for one material."""

    material: str
    name: str
    unit: str
    price: str


class Supplier(NamedTuple):
    """Who sells, in which currency, what."""

    code: str
    name: str
    currency: str
    offers: tuple[Offer, ...]


class Line(NamedTuple):
    """One line of an order, as its cells say it."""

    order: str
    supplier: Supplier
    offer: Offer
    quantity: str
    ordered: str
    delivered: str

    @property
    def cells(self) -> list[str]:
        """In the order of `HEADER`."""
        return [
            self.order, self.supplier.code, self.supplier.name, self.offer.material, self.offer.name, self.quantity,
            self.offer.unit, self.offer.price, self.supplier.currency, self.ordered, self.delivered,
        ]  # fmt: skip


@dataclass
class Spoken:
    """What the good lines speak of."""

    suppliers: set[str] = field(default_factory=set)
    materials: set[str] = field(default_factory=set)
    orders: set[str] = field(default_factory=set)
    prices: set[tuple[str, str, str]] = field(default_factory=set)
    lines: int = 0
    value: Decimal = Decimal(0)

    def hear(self, line: Line) -> None:
        """Count a line."""
        self.suppliers.add(line.supplier.code)
        self.materials.add(line.offer.material)
        self.orders.add(line.order)
        self.prices.add((line.supplier.code, line.offer.material, line.ordered))
        self.lines += 1
        self.value += Decimal(line.quantity) * Decimal(line.offer.price)

    @property
    def entities(self) -> dict[str, int]:
        """How many things of each kind: each is created once."""
        return {
            "suppliers": len(self.suppliers),
            "materials": len(self.materials),
            "purchase_orders": len(self.orders),
            "order_lines": self.lines,
            "prices": len(self.prices),
        }


def write_purchase_orders(path: Path, rows: int, *, seed: int = 1, bad: int = 0, prefix: str = "") -> Expected:
    """Write `rows` order lines, `bad` of them spoilt; the expected `total` is the sum of quantity x unit price.

    `prefix` is that of all codes and order numbers: files of different prefixes share no entity. What a
    material costs is kept by supplier and day.
    """
    chance = Random(seed)  # noqa: S311 - a sample needs no secrecy
    spoken = Spoken()
    with path.open("wb") as file:
        sheet = Sheet(file, HEADER, spoilt_rows(rows, bad), WAYS)
        lines = _lines(chance, prefix)
        while sheet.rows < rows:
            line = next(lines)
            if sheet.add(line.cells):
                spoken.hear(line)
    return Expected(rows, spoken.value, tuple(sheet.rejects), spoken.entities)


def _lines(chance: Random, prefix: str) -> Iterator[Line]:
    suppliers = _suppliers(chance, prefix)
    number = 0
    while True:
        number += 1
        supplier = chance.choice(suppliers)
        ordered = FIRST_DAY + timedelta(days=chance.randrange(365))
        delivered = ordered + timedelta(days=chance.randrange(5, 90))
        for offer in chance.choices(supplier.offers, k=chance.randrange(1, MOST_LINES + 1)):
            quantity = str(chance.randrange(1, 500))
            yield Line(f"{prefix}45{number:08d}", supplier, offer, quantity, ordered.isoformat(), delivered.isoformat())


def _suppliers(chance: Random, prefix: str) -> list[Supplier]:
    materials = [
        (f"{prefix}M-{number:05d}", f"{chance.choice(STUFFS)} {number}", chance.choice(UNITS))
        for number in range(MATERIALS)
    ]
    return [
        Supplier(
            f"{prefix}S{number:04d}",
            f"{chance.choice(TOWNS)} {chance.choice(TRADES)} {number}",
            chance.choice(CURRENCIES),
            tuple(Offer(*one, f"{chance.randrange(5, 90_000) / 100:.2f}") for one in chance.sample(materials, OFFERS)),
        )
        for number in range(SUPPLIERS)
    ]

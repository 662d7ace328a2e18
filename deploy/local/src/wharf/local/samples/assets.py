"""The equipment of a made-up plant: a tag and a type, and a dozen columns that only this plant has."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Final

from wharf.local.samples.expected import Expected
from wharf.local.samples.sheet import Sheet, Spoiling, spoilt_rows

HEADER: Final = (
    "tag", "type", "description", "area", "service", "manufacturer", "model", "weight_kg", "design_pressure_bar",
    "criticality", "installed_on", "drawing", "remarks",
)  # fmt: skip
WAYS: Final = (Spoiling(0, "", "tag", "required"), Spoiling(1, "", "type", "required"))

KINDS: Final = {
    "P": ("PUMP", "Centrifugal pump"),
    "V": ("VESSEL", "Separator, vertical"),
    "E": ("EXCHANGER", "Shell & tube exchanger"),
    "T": ("TANK", "Storage tank, floating roof"),
    "M": ("MOTOR", "Motor, 400 V"),
    "FT": ("TRANSMITTER", 'Flow transmitter, 2"'),
    "PSV": ("VALVE", "Relief valve"),
}
AREAS: Final = ("100 Crude", "200 Vacuum", "300 Utilities", "400 Loading, jetty")
SERVICES: Final = ("Cooling water", "Naphtha", "Flare gas", "Boiler feed", "Amine, lean")
MAKERS: Final = ("Sulzer", "Alfa Laval", "KSB", "Flowserve", "Böhler & Söhne", "Łódź Pumps")
REMARKS: Final = ("", "", "", "Spare in store 4", 'Says "overhauled 2019"', "Noisy;\nsee work order", "Ø 80, Δp high")


def write_assets(path: Path, rows: int, *, seed: int = 1, bad: int = 0, prefix: str = "") -> Expected:
    """Write `rows` assets, `bad` of them spoilt; the expected `total` is the sum of their `weight_kg`."""
    chance = Random(seed)  # noqa: S311 - a sample needs no secrecy
    weight = Decimal(0)
    with path.open("wb") as file:
        sheet = Sheet(file, HEADER, spoilt_rows(rows, bad), WAYS)
        for number in range(1, rows + 1):
            cells = _asset(chance, number, prefix)
            weight += Decimal(cells[HEADER.index("weight_kg")]) if sheet.add(cells) else 0
    return Expected(rows, weight, tuple(sheet.rejects))


def _asset(chance: Random, number: int, prefix: str) -> list[str]:
    letters, (kind, description) = chance.choice(tuple(KINDS.items()))
    area = chance.choice(AREAS)
    return [
        f"{prefix}{letters}-{number:06d}{chance.choice(('', 'A', 'B'))}",
        kind,
        description,
        area,
        chance.choice(SERVICES),
        chance.choice(MAKERS),
        f"M{chance.randrange(100, 999)}",
        f"{chance.randrange(50, 900_000) / 10:.1f}",
        str(chance.randrange(1, 160)),
        chance.choice("ABC"),
        f"{chance.randrange(1978, 2025)}-{chance.randrange(1, 13):02d}-{chance.randrange(1, 29):02d}",
        f"PID-{area[:3]}-{chance.randrange(1, 60):03d}",
        chance.choice(REMARKS),
    ]

"""Package types: declarations of the bundles of files that Wharf can make of datasets.

The built-in ones are TOML files in `builtin/`; a tenant's own are rows of the ledger, written in YAML or JSON.
"""

from __future__ import annotations

from wharf.common.packages.datasets import PROPERTIES, KnownDatasets, Shape
from wharf.common.packages.fitting import misfits
from wharf.common.packages.known import KnownPackages, builtin_packages, chosen, package_named
from wharf.common.packages.locales import LOCALES, Locale, locale_named
from wharf.common.packages.options import PackageOptions
from wharf.common.packages.schema import (
    NUMERIC,
    TIMES,
    WIDEST,
    Chart,
    Filter,
    Format,
    Measure,
    Order,
    PackageType,
    Page,
    ReportColumn,
    Section,
)

__all__ = [
    "LOCALES",
    "NUMERIC",
    "PROPERTIES",
    "TIMES",
    "WIDEST",
    "Chart",
    "Filter",
    "Format",
    "KnownDatasets",
    "KnownPackages",
    "Locale",
    "Measure",
    "Order",
    "PackageOptions",
    "PackageType",
    "Page",
    "ReportColumn",
    "Section",
    "Shape",
    "builtin_packages",
    "chosen",
    "locale_named",
    "misfits",
    "package_named",
]

"""Package types: declarations of the bundles of files that Wharf can make of datasets.

The built-in ones are TOML files in `builtin/`.
"""

from __future__ import annotations

from wharf.common.packages.known import builtin_packages, chosen, package_named
from wharf.common.packages.locales import LOCALES, Locale, locale_named
from wharf.common.packages.options import PackageOptions
from wharf.common.packages.schema import (
    NUMERIC,
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
    "Chart",
    "Filter",
    "Format",
    "Locale",
    "Measure",
    "Order",
    "PackageOptions",
    "PackageType",
    "Page",
    "ReportColumn",
    "Section",
    "builtin_packages",
    "chosen",
    "locale_named",
    "package_named",
]

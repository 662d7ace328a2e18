"""How numbers and dates are written where the reader lives."""

from __future__ import annotations

from dataclasses import dataclass

from wharf.common.errors import Invalid, Problem

NARROW = "\u202f"
"""The narrow no-break space that parts thousands in French and Swedish."""


@dataclass(frozen=True, slots=True)
class Locale:
    """The marks of numbers, and the shapes of dates for `strftime`."""

    name: str
    decimal: str = "."
    group: str = ","
    date: str = "%Y-%m-%d"
    time: str = "%H:%M"


LOCALES = {
    locale.name: locale
    for locale in (
        Locale("en"),
        Locale("en-US", date="%m/%d/%Y"),
        Locale("en-GB", date="%d/%m/%Y"),
        Locale("de", ",", ".", "%d.%m.%Y"),
        Locale("de-CH", ".", "\u2019", "%d.%m.%Y"),
        Locale("es", ",", ".", "%d/%m/%Y"),
        Locale("fr", ",", NARROW, "%d/%m/%Y"),
        Locale("it", ",", ".", "%d/%m/%Y"),
        Locale("nl", ",", ".", "%d-%m-%Y"),
        Locale("pt", ",", ".", "%d/%m/%Y"),
        Locale("sv", ",", NARROW, "%Y-%m-%d"),
    )
}


def locale_named(name: str) -> Locale:
    """The locale of that name. Raises `Invalid` (`unknown_locale`)."""
    if name in LOCALES:
        return LOCALES[name]
    message = f"There is no locale {name!r}. Use one of: {', '.join(LOCALES)}."
    raise Invalid(message, code="unknown_locale", problems=(Problem("options.locale", "unknown_locale", message),))

"""The forms in which dates and times are written, as patterns (RE2) with named groups.

Letters have no accents when these are applied. Groups: `a b c` (day, month and year in any order), or
`year month day`, `year name day`, `year week weekday`, `year ordinal`; `mark` and `again` must be equal, as must
`colon` and `same`; then `joint hour minute second fraction millis half unit zone`. `dayname`, `name` and `at` are any
words: `datewords` knows which are right. Patterns with all of them took 10 ms to compile, for every block.
"""

from __future__ import annotations

import unicodedata
from typing import Final

ISO: Final = (
    r"^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"(?:[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
)
ISO_NAIVE: Final = ISO + ")?$"
ISO_ZONED: Final = ISO + r"(?:Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9]))$"
"""The two that Arrow reads by itself."""

OFFSET: Final = "[+-][0-9]{2}(?::?[0-9]{2})?"
ZONE: Final = rf"(?P<zone>(?i:Z|UTC|GMT)|(?i:UTC|GMT)?{OFFSET}|(?i:UTC|GMT)[+-][0-9](?::[0-9]{{2}})?)"
"""UTC, or a distance from it. Names such as EST, CET or IST mean several zones and are none."""
PLACE: Final = r"(?: ?\([^()]+\)|\[[A-Za-z0-9_+\-/]+\])?"
"""A zone's name behind its distance, which says all: `+01:00[Europe/Paris]`, `GMT+0100 (CET)`."""
HOUR: Final = "(?P<hour>[0-9]{1,2})"
CLOCK: Final = (
    rf"{HOUR}(?:(?P<colon>[:.]| ?[hH] ?)(?P<minute>[0-9]{{2}})(?:(?P<same>[:.])(?P<second>[0-9]{{2}})"
    r"(?:[.,](?P<fraction>[0-9]{1,9}))?)?)?"
)
HALF: Final = r" ?(?P<half>[AaPp](?:\. ?)?[Mm]\.?)?"
AT: Final = r"(?:(?P<at>[A-Za-z]+(?: [A-Za-z]+)?)\.? +)?"
TIME: Final = (
    rf"(?:(?:[Tt]|(?P<joint>:)|,? +{AT}|,){CLOCK}{HALF}(?: ?(?P<unit>[Uu][Hh][Rr]|[Hh]))?(?: ?{ZONE}{PLACE})?)?$"
)

BEFORE: Final = r"^(?:(?P<dayname>[A-Za-z\-]+)[.,]* +)?"
NAME: Final = "(?P<name>[A-Za-z][A-Za-z][A-Za-z]+)"
DAY: Final = r"(?P<day>[0-9]{1,2})(?i:(?:st|nd|rd|th|er|e|o)\b|º|ª|°)?"
MARK: Final = r"[/\-]|\. ?"
NUMERIC: Final = (
    rf"{BEFORE}(?P<a>[0-9]{{1,4}})(?P<mark>{MARK})(?P<b>[0-9]{{1,2}})(?P<again>{MARK})(?P<c>[0-9]{{1,4}})\.?{TIME}"
)
DAY_NAME_YEAR: Final = (
    rf"{BEFORE}{DAY}(?P<point>\.?)[ /\-]*(?i:de |of )?{NAME}[ /.,\-]*(?i:de |del )?"
    rf"(?P<year>[0-9]{{4}}|[0-9]{{2}})(?i: r\.| roku)?{TIME}"
)
NAME_DAY_YEAR: Final = rf"{BEFORE}{NAME}\.?[ /\-]+{DAY}(?:, ?| +|[/\-])(?P<year>[0-9]{{4}}){TIME}"
YEAR_NAME_DAY: Final = rf"^(?P<year>[0-9]{{4}})\.?[ /\-]{NAME}\.?[ /\-](?P<day>[0-9]{{1,2}})\.?{TIME}"
TIME_BEFORE_YEAR: Final = (
    rf"{BEFORE}{NAME} +(?P<day>[0-9]{{1,2}}) {HOUR}:(?P<minute>[0-9]{{2}}):(?P<second>[0-9]{{2}})"
    rf"(?: (?P<zone>UTC|GMT|{OFFSET}))? (?P<year>[0-9]{{4}})$"
)
COMPACT: Final = (
    r"^(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})"
    r"(?:[Tt ]?(?P<hour>[0-9]{2})(?P<minute>[0-9]{2})(?:(?P<second>[0-9]{2})"
    rf"(?:[.,](?P<fraction>[0-9]{{1,9}})|(?P<millis>[0-9]{{3}}))?)?(?P<zone>[Zz]|{OFFSET})?)?$"
)
WEEK: Final = rf"^(?P<year>[0-9]{{4}})(?P<mark>-?)W(?P<week>[0-9]{{2}})(?P<again>-?)(?P<weekday>[1-7]){TIME}"
ORDINAL: Final = rf"^(?P<year>[0-9]{{4}})-(?P<ordinal>[0-9]{{3}}){TIME}"
IDEOGRAPHS: Final = unicodedata.normalize(
    "NFD",
    rf"^(?P<year>[0-9]{{4}})(?:年|년) ?(?P<month>[0-9]{{1,2}})(?:月|월) ?(?P<day>[0-9]{{1,2}})(?:日|일){TIME}",
)
FORMS: Final = (
    NUMERIC, DAY_NAME_YEAR, NAME_DAY_YEAR, COMPACT, YEAR_NAME_DAY, TIME_BEFORE_YEAR, WEEK, ORDINAL, IDEOGRAPHS,
)  # fmt: skip
"""No cell is of two of them. The usual ones first: what they have read, the others do not look at."""

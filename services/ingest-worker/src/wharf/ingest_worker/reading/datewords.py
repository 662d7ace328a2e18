"""Names of months and weekdays in the languages of real exports: full, as they are usually shortened, in lower case.

English, German, French, Spanish, Italian, Portuguese, Dutch and Polish, without accents (see `plain`). A name stands
here only if it is the same month wherever it is one: Polish `lip` and `lis` are July and November, but June and October
in Croatian, and both write `12-lis-25`; those are no dates. `listopada` is Polish unless the day before it has a
point, as Croatian ordinals have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wharf.ingest_worker.reading.cells import as_mask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from wharf.ingest_worker.reading.cells import Mask

MONTHS: Final = (
    "jan january januar jaenner janner janv janvier ene enero gen gennaio janeiro januari sty styczen stycznia",
    "feb february februar feber febr fev fevr fevrier febrero febbraio fevereiro februari lut luty lutego",
    "mar march mars marz maerz mrz marzo marco maart mrt marzec marca",
    "apr april avr avril abr abril aprile kwi kwiecien kwietnia",
    "may mai mayo mag maggio maio mei maj maja",
    "jun june juni juin junio giu giugno junho cze czerwiec czerwca",
    "jul july juli juil juillet julio lug luglio julho lipiec lipca",
    "aug august aout ago agosto augustus sie sierpien sierpnia",
    "sep sept september septembre septiembre setiembre set settembre setembro wrz wrzesien wrzesnia",
    "oct october okt oktober octobre octubre ott ottobre out outubro paz pazdziernik pazdziernika",
    "nov november novembre noviembre novembro listopad listopada",
    "dec december dez dezember decembre dic diciembre dicembre dezembro gru grudzien grudnia",
)
OTHERS_ELSEWHERE: Final = ("listopad", "listopada")
"""Other months in another language, where a point stands before them."""
_WEEKDAYS: Final = (
    "mon tue tues wed thu thur thurs fri sat sun monday tuesday wednesday thursday friday saturday sunday "
    "mo di mi do fr sa so montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag "
    "lun mar mer jeu ven sam dim lundi mardi mercredi jeudi vendredi samedi dimanche "
    "mie jue vie sab dom lunes martes miercoles jueves viernes sabado domingo "
    "gio lunedi martedi mercoledi giovedi venerdi sabato domenica "
    "seg ter qua qui sex segunda terca quarta quinta sexta "
    "segunda-feira terca-feira quarta-feira quinta-feira sexta-feira "
    "ma wo vr za zo maandag dinsdag woensdag donderdag vrijdag zaterdag zondag "
    "pon wt sr czw pt sob niedz nd poniedzialek wtorek sroda czwartek piatek sobota niedziela"
)
WEEKDAYS: Final = tuple(_WEEKDAYS.split())
BEFORE_TIMES: Final = ("at", "um", "a", "a las", "a la", "as", "om", "o", "alle", "alle ore", "ore", "kl", "godz")
"""`12. März 2025 um 15:04`."""


_NUMBERS: Final = {name: number for number, names in enumerate(MONTHS, start=1) for name in names.split()}
_NAMES: Final = pa.array(list(_NUMBERS))
_NUMBER_OF: Final = np.array([0, *_NUMBERS.values()], dtype=np.int64)


def plain(cells: pa.Array) -> pa.Array:
    """Cells without the accents of letters, and with the usual space for those that do not break."""
    if as_mask(pc.string_is_ascii(cells)).all():
        return cells
    spaced = pc.replace_substring_regex(cells, "[\u00a0\u2007\u2009\u202f]", " ")
    bare = pc.replace_substring_regex(pc.utf8_normalize(spaced, "NFD"), r"([A-Za-z])\p{Mn}+", r"\1")
    return pc.replace_substring(bare, "ł", "l")


def month_numbers(names: pa.Array, points: pa.Array | None = None) -> NDArray[np.int64]:
    """1 to 12; 0 for what is no month, or may be another one. `points`: what stands between the day and the name."""
    lower = pc.ascii_lower(names)
    places = pc.fill_null(pc.index_in(lower, _NAMES), -1).to_numpy(zero_copy_only=False)
    found = _NUMBER_OF[np.asarray(places, dtype=np.int64) + 1]
    if points is not None:
        elsewhere = pc.and_(pc.is_in(lower, pa.array(OTHERS_ELSEWHERE)), pc.equal(points, "."))
        found[as_mask(elsewhere)] = 0
    return found


def are_words(fields: Mapping[str, Any]) -> Mask | bool:
    """Whether the words before a date and its time are a weekday, which is not compared with the date, and `at`."""
    words = {"dayname": WEEKDAYS, "at": BEFORE_TIMES}
    known = [
        as_mask(pc.is_in(pc.ascii_lower(fields[group]), pa.array(["", *allowed])))
        for group, allowed in words.items()
        if group in fields
    ]
    return np.logical_and.reduce(known) if known else True

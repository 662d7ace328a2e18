"""Which values of a column fail the checks that its profile declares; checks across rows are made in the database."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wharf.common.profiles import ColumnType
from wharf.common.profiles.checks import Length, Matches, OneOf, Range, Severity
from wharf.ingest_worker.reading.cells import Converted, as_mask
from wharf.ingest_worker.reading.reasons import REASONS
from wharf.ingest_worker.reading.timestamps import MOMENT

if TYPE_CHECKING:
    from wharf.common.profiles import Column
    from wharf.ingest_worker.reading.cells import Mask
    from wharf.ingest_worker.reading.reasons import Reason

BEYOND: Final = 2**63
"""The first number that is no integer of 64 bits."""
OfAValue = Range | Length | Matches | OneOf
"""The checks that a value alone can tell."""


def reasons_of(column: Column) -> tuple[Reason, ...]:
    """What the fault numbers of a column's cells mean: the usual ones, then one for each of its checks."""
    return (*REASONS, *((check.code, check.sentence) for check in column.checks))


def rejecting(column: Column, found: Converted) -> Converted:
    """The column with a fault for each good value that fails a check of the severity `error`."""
    faults = found.faults
    for nth, check in enumerate(column.checks):
        if check.severity is Severity.ERROR and isinstance(check, OfAValue):
            before = np.zeros(len(found.values), dtype=np.int8) if faults is None else faults
            fails = failing(check, column.type, found.values) & (before == 0)
            faults = np.where(fails, len(REASONS) + nth, before).astype(np.int8)
    return Converted(found.values, faults)


def warning_checks(column: Column) -> list[OfAValue]:
    """The checks of values that only warn."""
    return [c for c in column.checks if c.severity is Severity.WARNING and isinstance(c, OfAValue)]


def failing(check: OfAValue, kind: ColumnType, values: pa.Array) -> Mask:
    """Which values fail; a missing one does not."""
    match check:
        case Range():
            return _outside(check, kind, values)
        case Length():
            return _of_wrong_length(check, values)
        case Matches():
            return as_mask(pc.invert(pc.match_substring_regex(values, rf"\A(?:{check.pattern})\z")))
        case OneOf():
            return _unknown(check, values)


def _of_wrong_length(check: Length, values: pa.Array) -> Mask:
    lengths = pc.list_value_length(values) if pa.types.is_list(values.type) else pc.utf8_length(values)
    wrong = pc.less(lengths, check.min)
    return as_mask(wrong if check.max is None else pc.or_(wrong, pc.greater(lengths, check.max)))


def _unknown(check: OneOf, values: pa.Array) -> Mask:
    if pa.types.is_list(values.type):
        bad = _unknown(check, pc.list_flatten(values))
        return np.bincount(pc.list_parent_indices(values).to_numpy()[bad], minlength=len(values)) > 0
    known = pa.array(check.values, pa.string())
    if check.ignore_case:
        values, known = pc.utf8_lower(values), pc.utf8_lower(known)
    return as_mask(values.is_valid()) & ~as_mask(pc.is_in(values, known))


def _outside(check: Range, kind: ColumnType, values: pa.Array) -> Mask:
    low, high = check.min, check.max
    if kind is ColumnType.DECIMAL:
        return _outside_exactly(low, high, values)
    wrong = np.zeros(len(values), dtype=np.bool_)
    if low is not None:
        wrong |= as_mask(pc.less(values, _scalar(low, math.ceil)))
    if high is not None:
        wrong |= as_mask(pc.greater(values, _scalar(high, math.floor)))
    return wrong


def _scalar(bound: Decimal | datetime, rounded: Any) -> pa.Scalar:  # noqa: ANN401 - ceil or floor, which mypy has no type for
    """A bound as a value of the column; of integers only whole ones are compared."""
    if isinstance(bound, datetime):
        return pa.scalar(bound if bound.tzinfo else bound.replace(tzinfo=UTC), MOMENT)
    return pa.scalar(min(max(rounded(bound), -BEYOND), BEYOND - 1), pa.int64())


def _outside_exactly(low: Any, high: Any, values: pa.Array) -> Mask:  # noqa: ANN401 - Decimal or None
    """Of decimals, kept as texts: by their nearest floats; those on which floats cannot decide as they are written."""
    near = np.asarray(pc.fill_null(pc.cast(values, pa.float64()), math.nan).to_numpy(zero_copy_only=False))
    wrong = np.zeros(len(values), dtype=np.bool_)
    undecided = wrong.copy()
    for bound, beyond in ((low, np.less), (high, np.greater)):
        if bound is not None:
            wrong |= beyond(near, float(bound))
            undecided |= near == float(bound)
    at = np.flatnonzero(undecided)
    wrong[at] = [_is_outside(Decimal(text), low, high) for text in values.take(pa.array(at)).to_pylist()]
    return wrong


def _is_outside(value: Decimal, low: Decimal | None, high: Decimal | None) -> bool:
    return (low is not None and value < low) or (high is not None and value > high)

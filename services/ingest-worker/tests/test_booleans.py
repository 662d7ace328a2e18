"""Yes and no as people write them."""

from __future__ import annotations

import pyarrow as pa
import pytest

from wharf.ingest_worker.reading.columns import FALSE, TRUE, booleans


@pytest.mark.parametrize(
    ("text", "value"), [("Ja", True), ("NEIN", False), ("Oui", True), ("não", False), ("Да", True)]
)
def test_yes_and_no_are_read_in_many_languages(text: str, value: bool) -> None:
    """Whatever their case; the words of yes and no have none in common."""
    column = booleans(pa.array([text]))
    assert (column.values[0].as_py(), column.faults is None or not column.faults.any()) == (value, True)
    assert not set(TRUE) & set(FALSE)

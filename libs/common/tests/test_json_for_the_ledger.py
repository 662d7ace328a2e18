"""Whatever a message quotes, PostgreSQL takes it as jsonb."""

from __future__ import annotations

import json

import pytest

from wharf.common.ledger.database import dumps


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("a\0b", "a\ufffdb"),
        ("\0\0", "\ufffd\ufffd"),
        ("\\\0", "\\\ufffd"),
        ("\\u0000", "\\u0000"),
        ("\\\\u0000\0", "\\\\u0000\ufffd"),
        ("plain", "plain"),
    ],
)
def test_no_nul_is_written(said: str, kept: str) -> None:
    """A NUL is U+FFFD; the letters that only look like one stay, however many backslashes stand before them."""
    assert json.loads(dumps({"message": said, said: [said]})) == {"message": kept, kept: [kept]}

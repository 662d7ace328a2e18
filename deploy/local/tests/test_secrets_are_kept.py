"""The stack's secrets: made once; what a later version needs is added to those that are there."""

from __future__ import annotations

import json
import stat
from dataclasses import asdict
from pathlib import Path

import pytest

from wharf.local.credentials import Credentials
from wharf.local.failure import StartFailed


def test_what_a_later_version_needs_is_added(tmp_path: Path) -> None:
    """The passwords that roles have already stay as they are, and the file is the owner's alone."""
    path = tmp_path / "secrets.json"
    made = Credentials.keep(path, lambda: "key")
    older = asdict(made)
    del older["backup_password"]
    path.write_text(json.dumps(older))
    kept = Credentials.keep(path, lambda: "another key")
    assert kept.backup_password
    assert asdict(kept) == older | {"backup_password": kept.backup_password}
    assert Credentials.keep(path, lambda: "another key") == kept
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "[]", '{"of_a_later_version": 1}'])
def test_a_file_that_cannot_be_read_is_not_replaced(tmp_path: Path, text: str) -> None:
    """The data would be lost with the passwords."""
    path = tmp_path / "secrets.json"
    path.write_text(text)
    with pytest.raises(StartFailed, match="cannot be read as the stack's secrets"):
        Credentials.keep(path, lambda: "key")
    assert path.read_text() == text

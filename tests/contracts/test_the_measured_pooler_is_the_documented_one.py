"""`make measure-way-up` measures the pooler that docs/scaling.md tells to build."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from bench.wayup.pooler import CONFIGURATION, FOLLOWS_FROM, OF_THE_ROLE, PREPARED, account, prepared

PAGE = Path("docs/scaling.md")


def test_the_role_says_what_the_page_tells(texts: dict[Path, str]) -> None:
    """The pooler ignores the start's options, so the role has them, word for word."""
    assert set(re.findall(r"`(ALTER ROLE [^`]+)`", texts[PAGE])) == set(OF_THE_ROLE)


def test_the_pooler_says_what_the_page_tells(texts: dict[Path, str]) -> None:
    """Options of the start are ignored; statements are followed by a version that can, and the page names that."""
    assert "ignore_startup_parameters = options" in CONFIGURATION
    assert f"PgBouncer {FOLLOWS_FROM[0]}.{FOLLOWS_FROM[1]} or newer with `{PREPARED.split()[0]}`" in texts[PAGE]
    line = prepared("PgBouncer 1.23.1\nlibevent 2.1.12-stable\n")
    assert line == PREPARED
    assert line in CONFIGURATION.format(server=1, port=2, folder="f", mode="transaction", prepared=line)


def test_an_older_pooler_gets_no_word_that_it_refuses() -> None:
    """It measures lending for a session all the same."""
    assert prepared("PgBouncer 1.18.0\nlibevent 2.1.12-stable\n") == ""


def test_who_is_not_root_keeps_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """To give it away would be refused, and the pooler runs under the same account anyway."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "chown", lambda *_: pytest.fail("given away"))
    assert account(tmp_path) == []

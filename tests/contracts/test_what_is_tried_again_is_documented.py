from __future__ import annotations

import re
from pathlib import Path

from wharf.common.runtime.transients import RULES

ROW = re.compile(r"^\| `([a-z_]+)` \| (.+) \|$", re.MULTILINE)


def test_the_document_lists_every_transient_error_in_its_order(texts: dict[Path, str]) -> None:
    """Who reads a job's error code finds in docs/operations.md what it stands for."""
    document = texts[Path("docs/operations.md")]
    section = document.partition("## What is tried again\n")[2].partition("\n## ")[0]
    assert ROW.findall(section)[:-1] == [(rule.code, rule.when) for rule in RULES]
    assert ROW.findall(section)[-1][0] == "unexpected"

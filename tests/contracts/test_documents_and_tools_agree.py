from __future__ import annotations

import re
from pathlib import Path

import pytest

from wharf.common.jobs.kinds import Kind

COMMAND = re.compile(r"(?:^|`)make ((?:[a-z]+(?:-[a-z]+)*)(?: [a-z]+(?:-[a-z]+)*)*)", re.MULTILINE)
KIND = re.compile(r"--kind[ =]([a-z_]+)")
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")


@pytest.fixture
def documents(texts: dict[Path, str]) -> dict[Path, str]:
    return {path: text for path, text in texts.items() if path.suffix == ".md"}


@pytest.fixture
def targets(texts: dict[Path, str]) -> set[str]:
    return set(re.findall(r"^\.PHONY: ([a-z-]+)$", texts[Path("Makefile")], re.MULTILINE))


def test_every_target_explains_itself(texts: dict[Path, str], targets: set[str]) -> None:
    """`make help` lists all that there is to make."""
    assert targets
    assert set(re.findall(r"^([a-z-]+):.*## \S", texts[Path("Makefile")], re.MULTILINE)) == targets


def test_the_documents_name_targets_that_there_are(documents: dict[Path, str], targets: set[str]) -> None:
    """Who types what a document says finds it made."""
    named = {
        (str(path), name)
        for path, text in documents.items()
        for found in COMMAND.findall(text)
        for name in found.split()
    }
    assert named
    assert not {(path, name) for path, name in named if name not in targets}


def test_the_documents_name_kinds_that_there_are(documents: dict[Path, str]) -> None:
    """Who is woken and types what a page says is answered by a list, not by an error."""
    named = {(str(path), kind) for path, text in documents.items() for kind in KIND.findall(text)}
    assert named
    assert not {(path, kind) for path, kind in named if kind not in Kind.registry}


def test_links_between_documents_lead_somewhere(documents: dict[Path, str], root: Path) -> None:
    """A file that was moved takes the links to it along."""
    links = {(path, target) for path, text in documents.items() for target in LINK.findall(text)}
    assert not {(str(path), target) for path, target in links if not (root / path.parent / target).exists()}


def test_the_changelog_has_a_place_for_the_next_line(documents: dict[Path, str]) -> None:
    """What a user will notice stands under Unreleased until it is released."""
    headings = re.findall(r"^## (.+)$", documents[Path("CHANGELOG.md")], re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", heading) for heading in headings[1:])


def test_a_decision_says_what_keeps_it(documents: dict[Path, str]) -> None:
    """Each page has all its parts, the one that says what enforces it last."""
    template = re.findall(r"^## .+$", documents[Path("docs/decisions/0000-template.md")], re.MULTILINE)
    pages = {path: text for path, text in documents.items() if path.parent == Path("docs/decisions")}
    assert {
        str(path) for path, text in pages.items() if re.findall(r"^## .+$", text, re.MULTILINE) != template
    } == set()

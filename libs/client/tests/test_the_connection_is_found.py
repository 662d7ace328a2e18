from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from wharf.client.connection import Connection, find_connection
from wharf.client.failure import ClientError

LOCAL = {"url": "http://127.0.0.1:8000", "api_key": "local-key", "platform_key": "local-platform"}


@pytest.fixture
def stack(place: Path) -> Path:
    """A folder in which a stack runs."""
    (place / ".wharf").mkdir()
    (place / ".wharf" / "connection.json").write_text(json.dumps(LOCAL))
    return place


def find(*, platform: bool = False, **environment: str) -> Connection:
    return find_connection(platform=platform, environment=environment)


def test_the_environment_comes_first(stack: Path) -> None:
    """A running stack and `.env` give way to what was exported."""
    (stack / ".env").write_text("WHARF_URL=http://other\nWHARF_API_KEY=other\n")
    assert find(WHARF_URL="http://here/", WHARF_API_KEY="k") == Connection("http://here", "k")


def test_dotenv_is_read_as_people_write_it(place: Path) -> None:
    """Quotes, `export`, comments and blanks are no part of a value; a mark inside one is."""
    (place / ".env").write_text(
        "# Wharf\n\nexport WHARF_URL = 'https://wharf.example'  # the test one\nWHARF_API_KEY=wk_a#b # mine\nbroken\n"
    )
    assert find() == Connection("https://wharf.example", "wk_a#b")


def test_the_running_stack_is_found(stack: Path) -> None:
    """Without any setting the stack of this folder is meant, with the key that fits the question."""
    assert find() == Connection(LOCAL["url"], "local-key")
    assert find(platform=True) == Connection(LOCAL["url"], "local-platform")


def test_a_stack_elsewhere_is_found_by_its_folder(place: Path) -> None:
    """`WHARF_DATA_DIR` is the setting that `wharf up` takes."""
    (place / "elsewhere").mkdir()
    (place / "elsewhere" / "connection.json").write_text(json.dumps(LOCAL))
    assert find(WHARF_DATA_DIR="elsewhere") == Connection(LOCAL["url"], "local-key")


def test_the_stacks_keys_go_nowhere_else(stack: Path) -> None:
    """With an address of another machine and no key, nothing is sent there."""
    with pytest.raises(ClientError, match=r"^WHARF_API_KEY is not set\. Set it to a key for https://wharf\.example\.$"):
        find(WHARF_URL="https://wharf.example")


def test_another_key_may_be_used_for_the_stack(stack: Path) -> None:
    """So one tries what a viewer may do."""
    assert find(WHARF_API_KEY="viewer") == Connection(LOCAL["url"], "viewer")


def test_the_platforms_key_has_a_name_of_its_own(place: Path) -> None:
    """Both may be set at once; where only one is, it is used."""
    both = {"WHARF_URL": "http://x", "WHARF_API_KEY": "a", "WHARF_PLATFORM_KEY": "p"}
    assert find(platform=True, **both).key == "p"
    assert find(**both).key == "a"
    assert find(platform=True, WHARF_URL="http://x", WHARF_API_KEY="a").key == "a"


def test_without_anything_one_is_told_what_to_do(place: Path) -> None:
    """Both ways are named."""
    with pytest.raises(ClientError, match="wharf up, or set WHARF_URL and WHARF_API_KEY"):
        find()


def test_an_address_without_a_scheme_is_refused(place: Path) -> None:
    """It would be asked for in vain."""
    with pytest.raises(ClientError, match="no http:// or https:// in front"):
        find(WHARF_URL="localhost:8000", WHARF_API_KEY="k")


def test_a_broken_connection_file_counts_as_none(stack: Path) -> None:
    """A file that a crash cut off is no reason for a traceback."""
    (stack / ".wharf" / "connection.json").write_text('{"url": ')
    with pytest.raises(ClientError, match="No Wharf is known here"):
        find()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_the_stack_of_somebody_else_is_told(stack: Path) -> None:
    """`connection.json` holds keys and is its owner's."""
    (stack / ".wharf" / "connection.json").chmod(0)
    with pytest.raises(ClientError, match="belongs to somebody else"):
        find()

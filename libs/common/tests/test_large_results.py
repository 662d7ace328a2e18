"""Results that are large live compressed in the storage; the ledger keeps what is short of them."""

from __future__ import annotations

import gzip
from pathlib import Path
from uuid import uuid4

import pytest

from wharf.common.errors import Permanent
from wharf.common.jobs.results import LARGEST_BYTES, STORED, is_short, kept, result_key, whole
from wharf.common.settings import StorageSettings
from wharf.common.storage import Storage

TENANT, JOB = uuid4(), uuid4()
LARGE = {"rows_read": 7, "dialect": {"delimiter": ","}, "mapping": [{"source": f"c{n}"} for n in range(9_000)]}


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """An empty one."""
    return Storage.open(StorageSettings(storage_url=tmp_path.as_uri()))


def test_a_large_result_comes_back_whole(storage: Storage, tmp_path: Path) -> None:
    """Compressed, under the attempt that made it; counts and other short values are told without it."""
    short = kept(storage, TENANT, JOB, 3, LARGE)
    assert {name: short[name] for name in ("rows_read", "dialect")} == {"rows_read": 7, "dialect": {"delimiter": ","}}
    assert is_short(short)
    assert short[STORED]["left_out"] == ["mapping"]
    data = (tmp_path / result_key(TENANT, JOB, 3)).read_bytes()
    assert len(data) < short[STORED]["bytes"] / 5
    assert len(gzip.decompress(data)) == short[STORED]["bytes"]
    assert whole(storage, TENANT, JOB, short) == LARGE


def test_a_small_one_stays_in_the_ledger(storage: Storage, tmp_path: Path) -> None:
    """Up to 64 kB: the storage is not asked at all."""
    small = {"text": "x" * (LARGEST_BYTES - 20)}
    assert kept(storage, TENANT, JOB, 1, small) is small
    assert whole(storage, TENANT, JOB, small) is small
    assert list(tmp_path.iterdir()) == []


def test_what_the_row_was_told_later_goes_before(storage: Storage) -> None:
    """An undo writes into the result of the import that it undid."""
    short = kept(storage, TENANT, JOB, 1, LARGE) | {"undone_at": "2026-01-01"}
    assert whole(storage, TENANT, JOB, short) == LARGE | {"undone_at": "2026-01-01"}


def test_nothing_is_stored_twice(storage: Storage) -> None:
    """One that is short already is as it is."""
    short = kept(storage, TENANT, JOB, 1, LARGE)
    assert kept(storage, TENANT, JOB, 2, short | {"note": "x" * LARGEST_BYTES})[STORED]["attempt"] == 1


def test_a_lost_file_is_said_to_be_lost(storage: Storage) -> None:
    """Never an empty result."""
    short = kept(storage, TENANT, JOB, 1, LARGE)
    storage.delete(result_key(TENANT, JOB, 1))
    with pytest.raises(Permanent):
        whole(storage, TENANT, JOB, short)

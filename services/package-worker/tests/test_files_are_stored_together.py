"""A package's files are all in the storage, or none is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from obstore.store import MemoryStore

from wharf.common.errors import Cancelled, Transient
from wharf.common.storage import Storage
from wharf.package_worker.files import MadeFile
from wharf.package_worker.packages import _all_or_nothing, _store

FULL = "There is no room."


class Crowded(Storage):
    """A storage that has no room for a PDF."""

    def put_file(self, key: str, path: Path) -> None:
        """As the real one says it."""
        if key.endswith(".pdf"):
            raise Transient(FULL, code="storage_full")
        super().put_file(key, path)


@pytest.fixture
def files(tmp_path: Path) -> list[MadeFile]:
    """A workbook and a PDF."""
    made = []
    for name in ("a.xlsx", "a.pdf"):
        (tmp_path / name).write_bytes(b"x")
        made.append(MadeFile(tmp_path / name, "x/y", "", 1, None, None, 1))
    return made


def context(storage: Storage, check: Callable[[], None] = lambda: None) -> Any:
    return SimpleNamespace(tenant_id=uuid4(), job_id=uuid4(), storage=storage, check=check)


def store(job: Any, files: list[MadeFile]) -> None:
    """As the job does it, one after the other."""
    with _all_or_nothing(job, [file.name for file in files]):
        for file in files:
            _store(job, file)


def keys(storage: Storage) -> list[str]:
    return sorted(found.key.rpartition("/")[2] for found in storage.list("packages"))


def test_both_are_there(files: list[MadeFile]) -> None:
    """Where nothing goes wrong."""
    storage = Storage(MemoryStore())
    store(context(storage), files)
    assert keys(storage) == ["a.pdf", "a.xlsx"]


def test_the_first_goes_where_the_second_finds_no_room(files: list[MadeFile]) -> None:
    """And the reason is told on."""
    storage = Crowded(MemoryStore())
    with pytest.raises(Transient, match=FULL):
        store(context(storage), files)
    assert keys(storage) == []


def test_both_go_where_the_job_is_cancelled_at_last(files: list[MadeFile]) -> None:
    """Between the last file and the job's end."""
    storage = Storage(MemoryStore())
    checks = iter([None, None, Cancelled()])

    def check() -> None:
        if (reason := next(checks)) is not None:
            raise reason

    with pytest.raises(Cancelled):
        store(context(storage, check), files)
    assert keys(storage) == []

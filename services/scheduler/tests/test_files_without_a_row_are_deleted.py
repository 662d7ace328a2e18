"""Orphans: what a killed gateway or clean-up left in the storage goes; what belongs to somebody stays."""

from __future__ import annotations

import pytest

from wharf.common.clock import new_id
from wharf.local.trial import eventually
from wharf.scheduler.orphans import BATCH, Orphans

AGE = 3600.0


@pytest.fixture
def orphans(ledger, storage) -> Orphans:
    """In the dispatcher's role."""
    return Orphans(ledger.dispatch, storage, AGE)


@pytest.fixture
def upload(ledger, tenant):
    """The row of an upload; gives its id."""

    def insert():
        query = (
            "INSERT INTO wharf.uploads (id, tenant_id, project_id, file_name, media_type, size, sha256, storage_key)"
        )
        upload_id = new_id()
        ledger.ask(f"{query} VALUES (%s, %s, 'p', 'a.csv', 'text/csv', 3, 'ab', 'k')", upload_id, tenant.id)
        return upload_id

    return insert


def test_an_old_file_without_a_row_is_deleted(orphans, store, tenant):
    """Nobody can ask for it, and nobody will write its row any more."""
    orphan = store(f"uploads/{tenant.id}/{new_id()}")
    assert orphans.sweep() == 1
    assert not orphan.exists()


def test_a_file_with_a_row_stays(orphans, store, upload, tenant):
    """However old it is, and whoever's it is: the dispatcher sees the numbers of all tenants' uploads."""
    kept = store(f"uploads/{tenant.id}/{upload()}")
    assert orphans.sweep() == 0
    assert kept.exists()


def test_a_file_whose_row_says_that_it_is_gone_is_deleted(orphans, store, upload, ledger, tenant):
    """A clean-up was killed after it had said so."""
    upload_id = upload()
    rest = store(f"uploads/{tenant.id}/{upload_id}")
    ledger.ask("UPDATE wharf.uploads SET removed_at = now() WHERE id = %s", upload_id)
    assert orphans.sweep() == 1
    assert not rest.exists()


def test_a_young_file_stays(orphans, store, tenant):
    """Its row may be about to be written."""
    young = store(f"uploads/{tenant.id}/{new_id()}", AGE / 2)
    unfinished = store(f"uploads/{tenant.id}/{new_id()}#1", AGE / 2)
    assert orphans.sweep() == 0
    assert [young.exists(), unfinished.exists()] == [True, True]


def test_an_unfinished_file_is_deleted_when_it_is_old(orphans, store, upload, tenant):
    """What a killed writer left beside the object, even where the upload has a row."""
    upload_id = upload()
    kept = store(f"uploads/{tenant.id}/{upload_id}")
    rests = [store(f"uploads/{tenant.id}/{upload_id}#1"), store(f"uploads/{tenant.id}/{new_id()}#12")]
    assert orphans.sweep() == 2
    assert [path.exists() for path in (kept, *rests)] == [True, False, False]


@pytest.mark.parametrize("key", ["uploads/x/readme.txt", "packages/x/{id}", "uploads-of-others/{id}", "{id}"])
def test_what_is_not_ours_to_judge_stays(orphans, store, key):
    """Only objects below `uploads/` that are named by an id are looked at."""
    other = store(key.format(id=new_id()))
    assert orphans.sweep() == 0
    assert other.exists()


def test_more_than_a_batch_is_swept(orphans, store, upload):
    """Every batch is asked for by itself, and none is left out."""
    kept = store(f"uploads/t/{upload()}")
    for _ in range(BATCH + 5):
        store(f"uploads/t/{new_id()}")
    assert orphans.sweep() == BATCH + 5
    assert list(kept.parent.iterdir()) == [kept]


def test_a_round_in_the_background(orphans, store, tenant):
    """What beat starts: it waits for nothing, and the file goes."""
    orphan = store(f"uploads/{tenant.id}/{new_id()}")
    orphans.look()
    eventually(lambda: not orphan.exists(), "the file to go")

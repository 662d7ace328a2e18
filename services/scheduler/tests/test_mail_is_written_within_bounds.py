"""What a mail says, and that an installation without a mail server says so."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from wharf.common.clock import new_id
from wharf.common.errors import Permanent
from wharf.scheduler.mail import Post, mail_report, written

REPORT = SimpleNamespace(
    job_id=new_id(), label="Weekly report from 2026-11-16", finished_at=datetime(2026, 11, 23, 7, tzinfo=UTC)
)
POST = Post("smtp://127.0.0.1", "wharf@example.org", 1000, "https://wharf.example.org/")


def test_files_that_are_too_large_are_told_of():
    """With the address that the installation says it has."""
    mail = written(REPORT, [], POST)
    assert f"https://wharf.example.org/api/v1/packages/{REPORT.job_id}/files" in mail.get_content()
    assert list(mail.iter_attachments()) == []


def test_an_installation_that_does_not_know_its_address_says_so():
    """A path alone would be taken for a broken link."""
    said = written(REPORT, [], Post("smtp://127.0.0.1", "wharf@example.org", 1000)).get_content()
    assert f" at /api/v1/packages/{REPORT.job_id}/files, below this installation's address" in " ".join(said.split())


def test_files_are_attached_under_their_names():
    """As what they are."""
    (part,) = written(REPORT, [("a.pdf", "application/pdf", b"%PDF")], POST).iter_attachments()
    assert (part.get_filename(), part.get_content_type(), part.get_content()) == ("a.pdf", "application/pdf", b"%PDF")


@pytest.mark.parametrize("post", [Post(None, "a@example.org", 1), Post("smtp://127.0.0.1", None, 1)])
def test_an_installation_that_sends_no_mail_says_so(post):
    """And what its owner has to set."""
    with pytest.raises(Permanent, match="WHARF_SMTP_URL") as failed:
        mail_report(SimpleNamespace(), post=post)
    assert failed.value.error_code == "mail_not_set_up"

"""What the fault suite submits: files of known content, each under a name of its own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg

from tests.chaos.account import Account
from tests.chaos.stack import Chaos
from wharf.local.samples import Expected, write_transactions
from wharf.local.trial import eventually

SMALL_ROWS = 2_000
LARGE_ROWS = 200_000
WITHIN = 90.0
RETRY_SECONDS = 0.5
ANSWER_SECONDS = 3.0
ENDED = "SELECT id FROM wharf.jobs WHERE id = ANY(%s::uuid[]) AND finished_at IS NOT NULL"


@dataclass(frozen=True)
class Sample:
    """A file and what must become of its rows."""

    path: Path
    expected: Expected

    @classmethod
    def write(cls, folder: Path, rows: int, number: int = 0) -> Sample:
        """Make a file of so many rows, one in a hundred of them bad; numbers share no key with one another."""
        path = folder / f"sample-{rows}-{number}.csv"
        expected = write_transactions(
            path, rows, seed=rows + number, bad=max(rows // 100, 1), prefix=f"S{number}-{rows}-"
        )
        return cls(path, expected)


@dataclass
class Delivery:
    """One submit, sent until it is taken.

    An answer that was lost is asked for again under the same key, and there is still one job.
    """

    sender: Sender
    sample: Sample
    label: str
    api: httpx.Client
    job_id: str = ""

    def taken(self) -> str:
        """Try once more unless it was taken already; the job's id, or nothing."""
        with suppress(httpx.HTTPError):
            self.job_id = self.job_id or self.sender.post(
                self.api, self.sample, self.label, {"project_id": project_of(self.label)}
            )
        return self.job_id

    def finish(self, within: float = WITHIN) -> str:
        """Go on until it is taken; gives the job's id."""
        return eventually(self._patiently, f"{self.label} being taken", within)

    def _patiently(self) -> str:
        if not self.taken():
            time.sleep(RETRY_SECONDS)  # as a client that is told to come back
        return self.job_id


@dataclass
class Sender:
    """Submits files and remembers what was promised. A submit without an answer is sent again under the same key."""

    chaos: Chaos
    expected: dict[str, Expected] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)

    def send(self, sample: Sample) -> str:
        """Submit a file once; gives the job's id, raises what httpx raises."""
        label = self.name(sample)
        return self.post(self.chaos.trial.api, sample, label, {"project_id": project_of(label)})

    def name(self, sample: Sample) -> str:
        """A name for one submit of that file; from now on the account knows of it."""
        label = f"{sample.path.stem}-{uuid4().hex[:12]}.csv"
        self.expected[label] = sample.expected
        return label

    def post(self, api: httpx.Client, sample: Sample, label: str, fields: dict[str, str]) -> str:
        """One try at a submit: the label is its idempotency key, so another try is no other job."""
        answer = api.post(
            "/api/v1/uploads",
            data={"profile": "transactions"} | fields,
            files={"file": (label, sample.path.read_bytes())},
            headers={"Idempotency-Key": label},
            timeout=ANSWER_SECONDS,
        )
        answer.raise_for_status()
        job_id = str(answer.json()["job_id"])
        self.held[label] = job_id
        return job_id

    def attempt(self, sample: Sample, api: httpx.Client | None = None) -> Delivery:
        """Try a submit once, with a client that does not wait long: it may be taken, refused or unheard."""
        delivery = Delivery(self, sample, self.name(sample), api or self.chaos.trial.api)
        delivery.taken()
        return delivery

    def deliver(self, sample: Sample, api: httpx.Client | None = None, within: float = WITHIN) -> str:
        """Send a file until it is taken; gives the job's id. TimeoutError where nobody takes it."""
        return self.attempt(sample, api).finish(within)

    def account(self) -> Account:
        """The account of everything that was sent."""
        return Account(self.chaos, self.expected, self.held)

    def wait(self, jobs: Sequence[str], within: float = WITHIN) -> None:
        """Wait until these jobs have ended, by the ledger."""
        eventually(lambda: self._ended(jobs), f"the end of {len(jobs)} jobs", within)

    def _ended(self, jobs: Sequence[str]) -> bool:
        with suppress(psycopg.OperationalError):
            return len(self.chaos.trial.ask(ENDED, list(jobs))) == len(jobs)
        return False


def project_of(label: str) -> str:
    """A project of its own for each submit: no row can be explained by another file."""
    return f"p-{label.removesuffix('.csv')}"

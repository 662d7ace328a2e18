"""Whatever happens in whatever order, the ledger stays sound: random sequences against the real database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from wharf.common.errors import Conflict, Transient
from wharf.common.jobs.states import ENDED, Event
from wharf.common.queues import Priority

LIMITS = {"published": 2, "urgent": 1}
MOST_JOBS = 6
HELD = "SELECT j.*, l.attempt AS held, l.why FROM wharf.jobs j LEFT JOIN wharf.leases l ON l.job_id = j.id"
LIVE = frozenset({"queued", "running", "cancelling"})
CHANCE = st.integers(0, 10_000)


class Yard(RuleBasedStateMachine):
    """A few jobs of one tenant; everybody who may touch them does, early, late and twice.

    Messages stay in the broker, so that each of them comes again and again; attempts that have lost their lease go on.
    """

    def __init__(self, ledger: Any, broker: Any, tenant: Any, dispatcher: Any) -> None:
        super().__init__()
        self.ledger, self.broker, self.tenant, self.dispatcher = ledger, broker, tenant, dispatcher
        ledger.clear()
        broker.lose()
        self.jobs: list[UUID] = []
        self.begun: list[tuple[UUID, int, str]] = []
        """Job, attempt, and who took it."""
        self.seen: dict[UUID, dict[str, Any]] = {}
        self.retried: set[UUID] = set()

    def one_of(self, some: list[Any], chance: int) -> Any:
        return some[chance % len(some)]

    @precondition(lambda self: len(self.jobs) < MOST_JOBS)
    @rule(priority=st.sampled_from([Priority.LOW, Priority.NORMAL, Priority.URGENT]))
    def submit(self, priority: Priority) -> None:
        self.jobs.append(self.tenant.submit(priority))

    @rule()
    def tick(self) -> None:
        self.dispatcher.tick()

    @rule(chance=CHANCE, worker=st.sampled_from(["a", "b"]))
    def take_a_message(self, chance: int, worker: str) -> None:
        if messages := self.broker.messages():
            message = self.one_of(messages, chance)
            if self.ledger.claim(message.job_id, message.attempt, worker):
                self.begun.append((message.job_id, message.attempt, worker))

    @precondition(lambda self: self.begun)
    @rule(chance=CHANCE, event=st.sampled_from([Event.COMPLETE, Event.FAIL, Event.FAIL_FOR_NOW, Event.GIVE_BACK]))
    def end_an_attempt(self, chance: int, event: Event) -> None:
        job, attempt, worker = self.one_of(self.begun, chance)
        self.ledger.finish(job, event, attempt, worker=worker, error=Transient("later"), result={"attempt": attempt})

    @precondition(lambda self: self.begun)
    @rule(chance=CHANCE, why=st.sampled_from(["died", "time_limit", "shutdown"]))
    def end_a_lease(self, chance: int, why: str) -> None:
        job, attempt, _ = self.one_of(self.begun, chance)
        self.ledger.expire(job, why, attempt)

    @rule()
    def reap(self) -> None:
        self.dispatcher.reaper.reap()

    @precondition(lambda self: self.begun)
    @rule(chance=CHANCE, reached=st.integers(0, 3))
    def save(self, chance: int, reached: int) -> None:
        job, attempt, worker = self.one_of(self.begun, chance)
        self.tenant.save(job, reached, attempt, fenced_for=worker)

    @precondition(lambda self: self.jobs)
    @rule(chance=CHANCE)
    def cancel(self, chance: int) -> None:
        self._by_hand(self.tenant.cancel, self.one_of(self.jobs, chance))

    @precondition(lambda self: self.jobs)
    @rule(chance=CHANCE)
    def retry(self, chance: int) -> None:
        job = self.one_of(self.jobs, chance)
        if self._by_hand(self.tenant.retry, job):
            self.retried.add(job)

    @rule()
    def pause(self) -> None:
        self.ledger.pause()

    @rule()
    def resume(self) -> None:
        self.ledger.resume()

    @rule()
    def lose_all_messages(self) -> None:
        self.broker.lose()
        self.ledger.ask("UPDATE wharf.jobs SET published_at = NULL WHERE status = 'queued'")

    def _by_hand(self, action: Callable[[UUID], object], job: UUID) -> bool:
        try:
            action(job)
        except Conflict:
            return False
        return True

    @invariant()
    def the_ledger_is_sound(self) -> None:
        rows = self.ledger.ask(HELD)
        assert len(rows) == len(self.jobs), "a lease more than one, or a job lost"
        for row in rows:
            self._is_sound(row)
            self._follows(row, self.seen.get(row["id"], row))
        self.seen = {row["id"]: row for row in rows}
        self.retried.clear()
        self._keeps_the_limits(rows)

    def _is_sound(self, row: dict[str, Any]) -> None:
        ended, runs = row["status"] in ENDED, row["status"] in {"running", "cancelling"}
        assert (row["finished_at"] is not None) == ended
        assert (row["held"] is not None) == runs
        assert not runs or (row["held"] == row["attempt"] and row["admitted"])
        assert row["deaths"] <= 3
        assert row["furthest"] >= 0

    def _follows(self, row: dict[str, Any], before: dict[str, Any]) -> None:
        assert row["attempt"] >= before["attempt"]
        if before["status"] in ENDED and row["id"] not in self.retried:
            assert row == before, "an end is an end"
        if before["status"] == "completed":
            assert row["result"] == {"attempt": row["attempt"]}

    def _keeps_the_limits(self, rows: list[dict[str, Any]]) -> None:
        live = [row["priority"] == 3 for row in rows if row["admitted"] and row["status"] in LIVE]
        assert live.count(False) <= LIMITS["published"]
        assert live.count(True) <= LIMITS["urgent"]

    def teardown(self) -> None:
        """Whatever happened, everything comes to its end once nothing else goes wrong."""
        self.ledger.resume()
        for _ in range(3 * len(self.jobs) + 3):
            self.ledger.ask("UPDATE wharf.leases SET why = 'shutdown' WHERE why IS NULL")
            self.dispatcher.tick()
            for message in self.broker.messages():
                if self.ledger.claim(message.job_id, message.attempt, "last"):
                    self.ledger.finish(message.job_id, Event.COMPLETE, message.attempt, result={})
        assert {row["status"] for row in self.ledger.jobs()} <= set(ENDED)


def test_any_sequence_keeps_the_ledger_sound(ledger, broker, make_tenant, dispatcher):
    """Attempts never go back, ends stay, leases fit their jobs, limits hold, and everything can come to an end."""
    tenant = make_tenant(**LIMITS)
    run_state_machine_as_test(
        lambda: Yard(ledger, broker, tenant, dispatcher),
        settings=settings(
            max_examples=30,
            stateful_step_count=25,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

"""Days of load against the policy: it behaves as Kubernetes and the dispatcher do, and the chart has what it chose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import yaml

from deploy.helm.simulation.__main__ import PAGE, picture
from deploy.helm.simulation.cluster import Cluster
from deploy.helm.simulation.drawing import drawn
from deploy.helm.simulation.load import CLASSES, DAYS, HIGH, HOUR, LOW, NORMAL, URGENT, Job, day
from deploy.helm.simulation.policy import TICK_SECONDS, Policy, Scaler
from deploy.helm.simulation.results import CHOSEN, SLOTS, of_queue, policies_of, result, simulate, table
from deploy.helm.simulation.times import START_SECONDS
from deploy.helm.tests.rendering import CHART

Jobs = Callable[..., list[Job]]


def many(count: int, *, at: float = 100.0, seconds: float = 10.0, priority: int = NORMAL, tenant: int = 0) -> list[Job]:
    return [Job(at + n * 0.001, seconds, priority, tenant) for n in range(count)]


def waits(cluster: Cluster, jobs: list[Job]) -> list[float]:
    return [wait for *_, wait in cluster.run(sorted(jobs, key=lambda job: job.at)).waits]


def wished(policy: Policy, *steps: tuple[float, int]) -> list[int]:
    """Replicas at each of these moments, with so many jobs."""
    scaler, found = Scaler(policy), [policy.least]
    for now, jobs in steps:
        found.append(scaler.wanted(now, found[-1], jobs, 0.0))
    return found[1:]


def test_the_chart_has_what_was_chosen() -> None:
    """The defaults of values.yaml are the policy that was simulated as the chart's."""
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    scaling = values["workerDefaults"]["autoscaling"]
    keda = scaling["keda"]
    assert scaling["minReplicas"] == CHOSEN.least
    assert scaling["scaleDownSeconds"] == CHOSEN.down_seconds
    assert (keda["jobsPerSlot"], keda["waitSeconds"]) == (CHOSEN.jobs_per_slot, CHOSEN.wait_seconds)
    assert keda["cooldownSeconds"] == CHOSEN.cooldown_seconds
    slots = {name: worker.get("slots", values["workerDefaults"]["slots"]) for name, worker in values["workers"].items()}
    assert {queue: slots[queue] for queue in SLOTS} == SLOTS


def test_replicas_are_jobs_over_slots() -> None:
    """Rounded up, within the bounds, and a tenth too many is none too many."""
    policy = Policy(slots=2, least=1, most=5)
    assert wished(policy, (0, 7)) == [4]
    assert wished(policy, (0, 7), (15, 99)) == [4, 5]
    assert wished(replace(policy, most=50), (0, 40), (15, 43)) == [5, 10]
    assert Scaler(replace(policy, most=50)).wanted(0.0, 20, 43, 0.0) == 20


def test_replicas_go_when_fewer_were_enough_for_the_window() -> None:
    """Then a quarter a minute."""
    policy = Policy(slots=1, least=1, most=20, down_seconds=300)
    scaler = Scaler(policy)
    assert scaler.wanted(0.0, 16, 16, 0.0) == 16
    assert scaler.wanted(290.0, 16, 0, 0.0) == 16
    assert scaler.wanted(301.0, 16, 0, 0.0) == 12
    assert scaler.wanted(316.0, 12, 0, 0.0) == 12
    assert scaler.wanted(376.0, 12, 0, 0.0) == 9


def test_the_oldest_wait_asks_for_a_replica_where_slots_should_have_several_jobs() -> None:
    """And for no more than there are jobs, beyond the tenth that the scaler overlooks."""
    policy = Policy(slots=2, jobs_per_slot=10, wait_seconds=30)
    assert policy.asked(40, 0) == 2.0
    assert policy.asked(40, 15) == 10.0
    assert policy.asked(40, 3600) == 24.0
    assert policy.asked(1, 3600) == 0.6


def test_from_zero_with_the_first_job_and_back_after_a_while() -> None:
    """As KEDA does it."""
    policy = Policy(least=0, cooldown_seconds=300)
    assert wished(policy, (0, 0), (15, 1), (30, 0), (315, 0), (330, 0)) == [0, 1, 1, 1, 0]


def test_a_pod_takes_a_while_to_begin() -> None:
    """A job that nobody serves waits for the look and the start."""
    (wait,) = waits(Cluster("package", Policy(least=0)), many(1))
    assert START_SECONDS < wait <= START_SECONDS + 15


def test_the_urgent_go_first_and_waiting_is_worth_priority() -> None:
    """A level of priority is a minute."""
    jobs = [
        *many(2, at=0, seconds=10),
        Job(1, 5, LOW, 1),
        Job(2, 5, NORMAL, 1),
        Job(3, 5, HIGH, 1),
        Job(4, 5, URGENT, 1),
    ]
    seen = Cluster("ingest", Policy(fixed=1, slots=1)).run(jobs)
    assert [priority for _, priority, _ in seen.waits] == [NORMAL, URGENT, HIGH, NORMAL, NORMAL, LOW]


def test_a_flood_leaves_others_their_turn() -> None:
    """Of a tenant's thousand jobs two hundred are before another's one."""
    flood = many(1000, at=0, seconds=1)
    found = Cluster("ingest", Policy(fixed=1, slots=1)).run([*flood, Job(2, 1, NORMAL, 7)])
    (other,) = (wait for at, _, wait in found.waits if at == 2)
    assert other < 210


def test_a_pod_that_goes_costs_no_attempt_and_little_work() -> None:
    """What does not end within its grace goes on elsewhere from its last checkpoint, and every job ends."""
    jobs = [*many(8, at=0, seconds=40), *many(1, at=10, seconds=600)]
    policy = Policy(slots=1, most=8, down_seconds=0)
    seen = Cluster("package", policy).run(jobs)
    assert seen.ended == len(jobs)
    assert len(seen.waits) == len(jobs)
    assert seen.done_again <= 5 * max(seen.given_back, 1)


@pytest.mark.parametrize("name", DAYS)
def test_a_day_is_the_same_every_time(name: str) -> None:
    """So that figures can be compared, and written down."""
    of = CLASSES["ingest-bulk"]
    jobs = day(name, of)
    assert jobs == day(name, of)
    assert jobs == sorted(jobs, key=lambda job: job.at)
    first, second = (result("ingest-bulk", name, "", simulate("ingest-bulk", jobs, CHOSEN)) for _ in range(2))
    assert first == second
    assert simulate("ingest-bulk", jobs, CHOSEN).ended == len(jobs)


def test_jobs_that_hang_take_no_slot_from_others() -> None:
    """They are counted as running, so others get replicas beside them; one in twenty-one, too, after its patience."""
    hung = [Job(10.0 + n, 900, NORMAL, n) for n in range(20)]
    later = [Job(200.0 + 20 * n, 1, NORMAL, 50) for n in range(20)]
    seen = Cluster("ingest", Policy(slots=2)).run([*hung, *later])
    found = [wait for at, _, wait in seen.waits if at >= 200]
    assert max(found) < 1.1 * CHOSEN.wait_seconds + TICK_SECONDS + START_SECONDS
    assert sorted(found)[len(found) // 2] == 0


def test_the_page_has_figures_of_every_policy_and_the_drawings_of_every_day() -> None:
    """`make simulate-scaling` wrote them."""
    text = PAGE.read_text("utf-8")
    for queue in CLASSES:
        for policy in policies_of(queue):
            assert f"| {queue} | {policy} |" in text
    for name in DAYS:
        assert picture(name).read_text("utf-8").startswith("<svg")
        assert f"images/{picture(name).name}" in text


def test_the_page_s_figures_are_those_of_today() -> None:
    """Of the queue with the fewest jobs, to be quick; what changed policy or load needs `make simulate-scaling`."""
    results, _ = of_queue("ingest-bulk")
    rows = [line for line in table(results).splitlines() if line.startswith("| ingest-bulk |")]
    written = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ingest-bulk |")]
    assert written == rows


def test_drawings_and_tables_are_made_of_what_was_seen() -> None:
    """A line for each priority, a row for each policy."""
    jobs = many(50, at=9 * HOUR)
    seen = simulate("package", jobs, CHOSEN)
    assert drawn("Title", {"package": seen}).count("<polyline") == 1 + 4 + 1
    results = [result("package", name, "the chart's", seen) for name in DAYS]
    assert table(results).count("| package | the chart's |") == 1

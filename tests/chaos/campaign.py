"""Minutes of imports under random faults."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import httpx
import psutil
import psycopg
import redis
from kombu.exceptions import KombuError

from tests.chaos import faults
from tests.chaos.cargo import Sample, Sender
from tests.chaos.faults import Fault
from tests.chaos.proxy import Mode
from tests.chaos.recovery import Recovery
from tests.chaos.stack import Chaos
from wharf.local.trial import eventually

SIZES = {200: 40, 2_000: 40, 20_000: 17, 200_000: 3}
"""Rows of a file, and how many files of a hundred are like that."""
VARIANTS = 4
HEAL_SECONDS = 60.0
ENDED = "SELECT count(*) FROM wharf.jobs WHERE finished_at IS NOT NULL"


def samples(folder: Path) -> dict[int, list[Sample]]:
    """A few files of each size."""
    return {rows: [Sample.write(folder, rows, number) for number in range(VARIANTS)] for rows in SIZES}


@dataclass
class Campaign:
    """Submits `jobs` files over `seconds`, and lets something happen about every `every` seconds."""

    chaos: Chaos
    sender: Sender
    recovery: Recovery
    cargo: dict[int, list[Sample]]
    jobs: int
    seconds: float
    every: float
    seed: int
    choice: Sequence[Fault] = (*faults.ALL, *faults.KILLS_OF_WORKERS)
    """What may happen; one that is there twice happens twice as often: recovery is judged by many kills."""
    happened: Counter[str] = field(default_factory=Counter)
    unhealed: list[str] = field(default_factory=list)
    unsent: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def run(self, tell: Callable[[int, int], None]) -> None:
        """Do it; `tell` gets the jobs that have ended and the faults that have happened, about every second."""
        submitter = threading.Thread(target=self._submit_all, name="submits", daemon=True)
        breaker = threading.Thread(target=self._break_things, name="faults", daemon=True)
        for thread in (submitter, breaker):
            thread.start()
        while submitter.is_alive() or breaker.is_alive():
            tell(self.ended(), self.happened.total())
            time.sleep(1)
        self.heal_all()

    def ended(self) -> int:
        """Jobs that have ended, as the ledger says; 0 while it is away."""
        with suppress(psycopg.OperationalError):
            return int(self.chaos.trial.one(ENDED))
        return 0

    def heal_all(self) -> None:
        """Nothing is broken from now on, whatever became of the single faults."""
        self.chaos.switchboard.disarm()
        for proxy in (self.chaos.to_postgres, self.chaos.to_redis):
            proxy.set(Mode.PASS)
        self._try("redis evicts", faults.evict_no_more)
        for pid in self.chaos.trial.connection.processes.values():
            with suppress(psutil.NoSuchProcess):
                for process in (psutil.Process(pid), *psutil.Process(pid).children()):
                    process.resume()

    def _submit_all(self) -> None:
        """At even distances, by a few clients: one that waits for an answer does not hold up the others."""
        chance, begun = Random(self.seed), time.monotonic()
        with ThreadPoolExecutor(16) as clients:
            for nth in range(self.jobs):
                rows = chance.choices(list(SIZES), weights=list(SIZES.values()))[0]
                time.sleep(max(begun + nth * self.seconds / self.jobs - time.monotonic(), 0))
                clients.submit(self._submit, chance.choice(self.cargo[rows]))
        self._over.set()

    def _submit(self, sample: Sample) -> None:
        connection = self.chaos.trial.connection
        headers = {"Authorization": f"Bearer {connection.api_key}"}
        with httpx.Client(base_url=connection.url, headers=headers, timeout=30) as api:
            try:
                self.sender.deliver(sample, api)
            except TimeoutError as error:
                self.unsent.append(str(error))

    def _break_things(self) -> None:
        chance, healing = Random(self.seed + 1), []
        while not self._over.wait(chance.uniform(0.5, 2 * self.every - 0.5)):
            fault = chance.choice(self.choice)
            healing.append(threading.Thread(target=self._let_happen, args=(fault,), daemon=True))
            healing[-1].start()
        for thread in healing:
            thread.join(2 * HEAL_SECONDS)

    def _let_happen(self, fault: Fault) -> None:
        try:
            self.recovery.inject(fault)
        except (redis.RedisError, psycopg.Error, KombuError, OSError):
            return  # the server that it is about is away already
        self.happened[fault.name] += 1
        self._over.wait(fault.seconds)
        self._try(fault.name, fault.heal)

    def _try(self, name: str, heal: faults.Step) -> None:
        def healed() -> bool:
            try:
                heal(self.chaos)
            except (redis.RedisError, OSError):
                return False
            return True

        try:
            eventually(healed, f"the end of {name}", HEAL_SECONDS)
        except TimeoutError as error:
            self.unhealed.append(str(error))

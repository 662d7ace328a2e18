"""What can happen to a running stack from outside: each fault by name, how it begins and how it ends."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial

import psutil

from tests.chaos import messages
from tests.chaos.proxy import Mode
from tests.chaos.stack import SECOND, Chaos
from wharf.common.runtime.points import Point

HOUR = 3600.0
SHORT_ON_MEMORY = "2mb"
DELAY_SECONDS = 0.05
Step = Callable[[Chaos], object]


def nothing(_chaos: Chaos) -> None:
    """For a fault that is over at once: the stack heals itself."""


@dataclass(frozen=True)
class Fault:
    """`inject` begins it, `heal` ends it `seconds` later."""

    name: str
    inject: Step
    heal: Step = nothing
    seconds: float = 0.0

    @contextmanager
    def during(self, chaos: Chaos) -> Iterator[None]:
        """The fault lasts as long as the block."""
        self.inject(chaos)
        try:
            yield
        finally:
            self.heal(chaos)


def send(name: str, number: signal.Signals, chaos: Chaos) -> None:
    """A signal to the process of that name, if the stack has one."""
    pid = chaos.trial.connection.processes.get(name)
    if pid:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def children(chaos: Chaos, name: str) -> list[psutil.Process]:
    """The pool of a worker; empty where the stack has no such worker or it is just dead."""
    with suppress(psutil.NoSuchProcess, KeyError):
        return psutil.Process(chaos.pid(name)).children()
    return []


def kill_child(name: str, chaos: Chaos) -> None:
    """One process of a worker's pool."""
    found = children(chaos, name)
    if found:
        with suppress(psutil.NoSuchProcess):
            random.choice(found).kill()


def signal_children(name: str, number: signal.Signals, chaos: Chaos) -> None:
    """All processes of a worker's pool."""
    for child in children(chaos, name):
        with suppress(psutil.NoSuchProcess):
            child.send_signal(number)


def flush(chaos: Chaos) -> None:
    """Redis forgets everything: broker, snapshots, events."""
    with chaos.broker() as broker:
        broker.flushall()


def evict(chaos: Chaos) -> None:
    """Redis has too little memory and throws away what it likes."""
    with chaos.broker() as broker:
        broker.config_set("maxmemory-policy", "allkeys-lru")
        broker.config_set("maxmemory", SHORT_ON_MEMORY)


def evict_no_more(chaos: Chaos) -> None:
    """The settings of the start."""
    with chaos.broker() as broker:
        broker.config_set("maxmemory", "0")
        broker.config_set("maxmemory-policy", "noeviction")


def proxied(server: str, mode: Mode, delay: float, chaos: Chaos) -> None:
    """Make the way to a server like that."""
    {"postgres": chaos.to_postgres, "redis": chaos.to_redis}[server].set(mode, delay)


def switch(places: tuple[str, ...], act: str, chaos: Chaos) -> None:
    """From now on that happens to everybody who comes by."""
    for place in places:
        chaos.switchboard.begin(place, act)


def switch_off(places: tuple[str, ...], act: str, chaos: Chaos) -> None:
    """No longer."""
    for place in places:
        chaos.switchboard.end(place, act)


def shift(seconds: float, chaos: Chaos) -> None:
    """Every service's clock jumps."""
    chaos.switchboard.set_clock(seconds)


def crash(point: Point) -> Fault:
    """The next process that comes to the point is killed there."""
    return Fault(f"crash {point}", lambda chaos: chaos.switchboard.arm(point))


def killed(name: str) -> Fault:
    """SIGKILL of a process; the supervisor starts it again."""
    return Fault(f"kill {name}", partial(send, name, signal.SIGKILL))


def standing_still(name: str, seconds: float) -> Fault:
    """A process that gets no CPU for a while."""
    return Fault(f"stop {name}", partial(send, name, signal.SIGSTOP), partial(send, name, signal.SIGCONT), seconds)


def bad_network(server: str, mode: Mode, seconds: float) -> Fault:
    """The way to a server."""
    delay = DELAY_SECONDS if mode is Mode.DELAY else 0.0
    passing = partial(proxied, server, Mode.PASS, 0.0)
    return Fault(f"{mode} {server}", partial(proxied, server, mode, delay), passing, seconds)


def bad_storage(name: str, places: tuple[str, ...], act: str, seconds: float) -> Fault:
    """Reads or writes of the object storage fail."""
    return Fault(name, partial(switch, places, act), partial(switch_off, places, act), seconds)


SERVICES = (
    "gateway", "ingest-worker", "ingest-worker-2", "ingest-bulk-worker", "package-worker", "scheduler", SECOND,
    "maintenance-worker",
)  # fmt: skip
POOL = "ingest-worker"
WRITES = ("storage_write", "storage_close")

KILLS = (
    *map(killed, SERVICES),
    Fault("kill ingest-worker child", partial(kill_child, POOL)),
    Fault("kill ingest-bulk-worker child", partial(kill_child, "ingest-bulk-worker")),
)
OF_REDIS = (
    Fault("restart redis", partial(send, "redis", signal.SIGTERM)),
    killed("redis"),
    Fault("flush redis", flush),
    standing_still("redis", 3.0),
    Fault("redis evicts", evict, evict_no_more, 2.0),
)
OF_POSTGRES = (Fault("restart postgres", partial(send, "postgres", signal.SIGINT)), killed("postgres"))
NETWORK_REDIS = (
    bad_network("redis", Mode.DROP, 1.0),
    bad_network("redis", Mode.DELAY, 2.0),
    bad_network("redis", Mode.SWALLOW, 3.0),
)
NETWORK_POSTGRES = (
    bad_network("postgres", Mode.DROP, 1.0),
    bad_network("postgres", Mode.DELAY, 2.0),
    bad_network("postgres", Mode.SWALLOW, 3.0),
)
STORAGE = (
    bad_storage("storage unreadable", ("storage_read",), "error", 2.0),
    bad_storage("storage refuses", WRITES, "error", 2.0),
    bad_storage("disk full", WRITES, "full", 2.0),
)
MESSAGES = (
    Fault("messages repeated", messages.repeat),
    Fault("messages reversed", messages.reverse),
    Fault("messages lost", messages.lose),
    Fault("messages misleading", messages.mislead),
    Fault("messages garbage", messages.litter),
)
CLOCKS = (
    Fault("clock an hour ahead", partial(shift, HOUR), partial(shift, 0.0), 3.0),
    Fault("clock an hour behind", partial(shift, -HOUR), partial(shift, 0.0), 3.0),
)
PAUSES = (
    standing_still("scheduler", 4.0),
    standing_still("ingest-worker", 3.0),
    Fault(
        "stop ingest-worker children",
        partial(signal_children, POOL, signal.SIGSTOP),
        partial(signal_children, POOL, signal.SIGCONT),
        4.0,
    ),
)
CRASHES = tuple(map(crash, Point))
KILLS_OF_WORKERS = tuple(fault for fault in KILLS if fault.name.startswith("kill ingest"))
OUTSIDE = (
    *KILLS, *OF_REDIS, *OF_POSTGRES, *NETWORK_REDIS, *NETWORK_POSTGRES, *STORAGE, *MESSAGES, *CLOCKS, *PAUSES,
)  # fmt: skip
ALL = (*CRASHES, *OUTSIDE)

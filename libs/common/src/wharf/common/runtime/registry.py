"""The main process in the ledger: it says that it is there, and looks after what was left in its place."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from wharf.common.logs import get_logger
from wharf.common.runtime.errands import EXPIRE, Errands
from wharf.common.runtime.place import Place, children, lives, memory_of, pid_of

SEEN_SECONDS = 5.0
LOOK_SECONDS = 0.5
FAREWELL_SECONDS = 2.0
SEEN = text(
    "SELECT wharf.worker_seen(:name, :service, :host, :pid, :queues, :slots, :version, :children, :memory, :draining)"
)
LEFT = text("SELECT wharf.worker_left(:name)")
LEASES = text("SELECT job_id AS job, attempt, worker FROM wharf.leases_of(:place)")


@dataclass(frozen=True, slots=True)
class Serving:
    """What a worker serves: its queues, and how many jobs at once."""

    queues: tuple[str, ...]
    slots: int


class Registry:
    """Tells the ledger every five seconds. A ledger that is away stops no worker."""

    def __init__(self, errands: Errands, place: Place, draining: Callable[[], bool] = lambda: False) -> None:
        self._errands = errands
        self._place = place
        self._draining = draining
        self._left = threading.Event()

    def start(self, serving: Serving) -> None:
        """Begin, in a thread of its own: the dead first, then ourselves."""
        threading.Thread(target=self._tell_for_ever, args=(serving,), name="registry", daemon=True).start()

    def leave(self) -> None:
        """A clean stop: nobody has to find out that we are gone. The ledger may take two seconds to hear it."""
        self._left.set()
        farewell = threading.Thread(target=self._say_farewell, daemon=True)
        farewell.start()
        farewell.join(FAREWELL_SECONDS)

    def _say_farewell(self) -> None:
        try:
            with self._errands.connection() as connection:
                connection.execute(LEFT, {"name": self._place.name(os.getpid())})
        except SQLAlchemyError:
            get_logger().warning("registry.unheard")

    def _tell_for_ever(self, serving: Serving) -> None:
        bury = True
        while not self._left.is_set():
            draining = self._draining()
            try:
                if bury:
                    self._bury()
                    bury = False
                self._tell(serving, draining=draining)
            except SQLAlchemyError:
                get_logger().warning("registry.unheard")
            self._rest(told=draining)

    def _rest(self, *, told: bool) -> None:
        """Until it is time again; that the worker begins to leave is told at once."""
        until = time.monotonic() + SEEN_SECONDS
        while not self._left.wait(LOOK_SECONDS) and time.monotonic() < until:
            if self._draining() is not told:
                return

    def _tell(self, serving: Serving, *, draining: bool) -> None:
        below = children()
        values = {
            "name": self._place.name(os.getpid()),
            "service": self._place.service,
            "host": self._place.host,
            "pid": os.getpid(),
            "queues": list(serving.queues),
            "slots": serving.slots,
            "version": version("wharf-common"),
            "children": below,
            "memory": memory_of([os.getpid(), *below]),
            "draining": draining,
        }
        with self._errands.connection() as connection:
            if not self._left.is_set():
                connection.execute(SEEN, values)

    def _bury(self) -> None:
        """Expire what a killed worker held here: its successor costs a restart, not a whole lease."""
        with self._errands.connection() as connection:
            leases = connection.execute(LEASES, {"place": self._place.prefix}).mappings().all()
            for lease in leases:
                if not lives(pid_of(lease["worker"])):
                    connection.execute(EXPIRE, {"job": lease["job"], "attempt": lease["attempt"], "why": "died"})
                    get_logger().warning("registry.lease_of_the_dead", job_id=str(lease["job"]), worker=lease["worker"])

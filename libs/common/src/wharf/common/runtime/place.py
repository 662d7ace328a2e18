"""Where a process runs, so that who starts there again can see which of the processes before it are gone."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

SHARE = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Place:
    """A service on a host, in one space of process ids: there a pid means one process."""

    service: str
    host: str
    space: str
    """This boot of the machine and the id of its process space; `0` where the system does not say."""

    @classmethod
    def of(cls, service: str) -> Self:
        """The place of this process."""
        return cls(service, socket.gethostname(), _space())

    @property
    def prefix(self) -> str:
        """How the names of all its processes begin."""
        return f"{self.service}@{self.host}/{self.space}:"

    def name(self, pid: int) -> str:
        """The name of one of its processes, as leases have it."""
        return f"{self.prefix}{pid}"


def _space() -> str:
    # Containers count from 1 each, and machines share names and first spaces: pids compare within one boot only.
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")[:8]
        return f"{boot}-{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return "0"


def pid_of(name: str) -> int:
    """The pid in a process' name."""
    return int(name.rsplit(":", 1)[1])


def children() -> list[int]:
    """The processes below this one, whichever of its threads began them; none where the system does not say."""
    found = [_said(place) for place in Path("/proc/self/task").glob("*/children")]
    return [int(pid) for pid in " ".join(found).split()]


def memory_of(pids: Iterable[int]) -> int | None:
    """Bytes that these processes have, what they share counted once; None where the system does not say."""
    found = [SHARE.search(_said(Path(f"/proc/{pid}/smaps_rollup"))) for pid in pids]
    return sum(int(share[1]) * 1024 for share in found if share) or None


def _said(place: Path) -> str:
    # A process or thread may end while it is looked at.
    try:
        return place.read_text(encoding="ascii")
    except OSError:
        return ""


def lives(pid: int) -> bool:
    """Whether a process of this space runs; a zombie, which some containers never bury, does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except ProcessLookupError:
        return False
    except OSError:  # another user's, or a system without /proc
        return True

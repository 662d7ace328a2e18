"""The user that PostgreSQL runs as: it refuses to be root."""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from wharf.local.failure import StartFailed

CANDIDATES = ("postgres", "nobody")


class RunAs(TypedDict, total=False):
    """The arguments of `subprocess.Popen` that give up root's rights."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """A user other than root, by its numbers."""

    uid: int
    gid: int

    def may_enter(self, folder: Path) -> bool:
        """Whether this user may pass through `folder` and everything above it, judged by the mode bits."""
        real = folder.resolve()
        return all(self._may_pass(one.stat()) for one in (real, *real.parents))

    def _may_pass(self, status: os.stat_result) -> bool:
        if status.st_uid == self.uid:
            return bool(status.st_mode & stat.S_IXUSR)
        if status.st_gid == self.gid:
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)


def server_account(home: Path) -> Account | None:
    """The user to run PostgreSQL as when we are root, else None (as ourselves).

    Data that exists decides: its owner goes on with it. Raises `StartFailed` where there is no such user.
    """
    if os.geteuid() != 0:
        return None
    if home.exists():
        owner = home.stat()
        return Account(owner.st_uid, owner.st_gid)
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    message = "PostgreSQL does not run as root and there is no user `postgres` or `nobody`: start as a normal user."
    raise StartFailed(message, code="no_server_user")


def run_as(account: Account | None) -> RunAs:
    """What to give `subprocess` so that the child runs as `account`, without any of root's groups."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}

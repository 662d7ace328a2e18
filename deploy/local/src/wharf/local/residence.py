"""Where PostgreSQL's data and programs stay, so that the user that it runs as can reach them.

Normally that is `DIR/postgres` and the programs where they are installed. As root, in a home of mode 0700, PostgreSQL's
user can reach neither; opening the home would be wrong. Then both get a folder of our own below /var/tmp, and
`DIR/postgres` is a symlink to it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from wharf.local.account import Account, run_as
from wharf.local.binaries import PostgresPrograms
from wharf.local.failure import StartFailed
from wharf.local.folder import DataFolder
from wharf.local.private import make_private_folder

OUTSIDE = Path("/var/tmp")  # noqa: S108 - survives a reboot, and mkdtemp makes a folder that nobody could prepare
NEEDED = ("postgres", "initdb")


def settle(folder: DataFolder, account: Account | None) -> Path:
    """Make (or find again) the folder of PostgreSQL's data: owned by its user, mode 0700. Returns its real path."""
    home = folder.postgres
    if home.is_symlink() and not home.exists():
        message = f"{home} points to {home.readlink()}, which is gone. Bring it back, or start with another --data-dir."
        raise StartFailed(message, code="data_missing")
    if not home.exists():
        _make_home(folder, account)
    real = home.resolve()
    _check_owner(real, account)
    return real


def reachable_programs(programs: PostgresPrograms, home: Path, account: Account | None) -> PostgresPrograms:
    """The programs themselves where `account` can run them, else a fresh copy beside `home`."""
    if account is None or _runs(programs, account):
        return programs
    copied = _copy(programs, home.parent / "programs")
    if not _runs(copied, account):
        message = f"User {account.uid}, which PostgreSQL has to run as, cannot run {programs.postgres} or a copy of it."
        raise StartFailed(message, code="programs_unreachable")
    return copied


def abandoned(folder: DataFolder) -> list[Path]:
    """Places outside of earlier data folders with this path: somebody deleted the folder and left them behind."""
    ours = folder.postgres.resolve().parent
    return [place for place in sorted(OUTSIDE.glob(f"{_prefix(folder)}*")) if place != ours]


def remove(folder: DataFolder) -> None:
    """Delete everything that a stack made: the data folder's contents, and PostgreSQL's place outside of it."""
    if folder.postgres.is_symlink():
        place = folder.postgres.resolve().parent
        if place.parent == OUTSIDE and place.name.startswith(_prefix(folder)):
            shutil.rmtree(place)
        folder.postgres.unlink()
    shutil.rmtree(folder.root)


def _make_home(folder: DataFolder, account: Account | None) -> None:
    if account is None or account.may_enter(folder.root):
        _make_owned(folder.postgres, account)
        return
    place = Path(tempfile.mkdtemp(prefix=_prefix(folder), dir=OUTSIDE))
    place.chmod(0o711)
    _make_owned(place / "postgres", account)
    folder.postgres.symlink_to(place / "postgres")


def _make_owned(home: Path, account: Account | None) -> None:
    make_private_folder(home)
    if account is not None:
        os.chown(home, account.uid, account.gid)


def _prefix(folder: DataFolder) -> str:
    digest = hashlib.sha256(os.fsencode(folder.root)).hexdigest()[:12]
    return f"wharf-{os.geteuid()}-{digest}-"


def _check_owner(home: Path, account: Account | None) -> None:
    owner = home.stat().st_uid
    expected = os.geteuid() if account is None else account.uid
    if owner != expected or owner == 0:
        message = f"{home} belongs to user {owner}, not to user {expected}, which PostgreSQL would run as."
        raise StartFailed(message, code="data_owner")
    if account is not None and not account.may_enter(home):
        message = f"User {account.uid}, the owner of {home}, cannot reach it: start as that user, or move the folder."
        raise StartFailed(message, code="data_unreachable")


def _runs(programs: PostgresPrograms, account: Account) -> bool:
    try:
        for name in NEEDED:
            subprocess.run(
                [programs.folder / name, "--version"], check=True, capture_output=True, cwd="/", **run_as(account)
            )
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _copy(programs: PostgresPrograms, target: Path) -> PostgresPrograms:
    """Copy at every start: it takes a tenth of a second, and an upgraded wheel is never mixed with an old copy."""
    if target.exists():
        shutil.rmtree(target)
    make_private_folder(target, 0o755)
    for part in programs.parts:
        if (programs.base / part).is_dir():
            shutil.copytree(programs.base / part, target / part, ignore=_unneeded)
    for one in target.rglob("*"):
        one.chmod(0o755 if one.is_dir() or os.access(one, os.X_OK) else 0o644)
    return replace(programs, folder=target / programs.folder.relative_to(programs.base), base=target)


def _unneeded(folder: str, names: list[str]) -> set[str]:
    if Path(folder).name == "bin":
        return set(names) - set(NEEDED)
    return {name for name in names if name.endswith(".a") or name in {"include", "pkgconfig"}}

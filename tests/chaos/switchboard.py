"""The test's side of the built-in faults: what it lays into the folder that the test build reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.chaos.crashing import TAKEN


@dataclass(frozen=True)
class Switchboard:
    """Arms places; every token is obeyed once, by the first process of the stack that comes by."""

    folder: Path
    _numbers: Iterator[int] = field(default_factory=count)

    @classmethod
    def at(cls, folder: Path) -> Switchboard:
        """Make the folder."""
        (folder / TAKEN).mkdir(parents=True, exist_ok=True)
        return cls(folder)

    def arm(self, place: str, act: str = "kill", *, after: int = 0) -> Path:
        """Let that happen at the place, once, when it has been passed `after` times; gives the token."""
        for _ in range(after):
            self._lay(place, "pass")
        return self._lay(place, act)

    def fired(self, token: Path) -> bool:
        """Whether somebody has obeyed it."""
        return (self.folder / TAKEN / token.name).exists()

    def disarm(self) -> None:
        """Take back what nobody has come by for."""
        for file in self.folder.iterdir():
            if file.is_file():
                file.unlink(missing_ok=True)

    def begin(self, place: str, act: str) -> None:
        """From now on that happens to everybody who comes by."""
        (self.folder / f"{place}.always.{act}").touch()

    def end(self, place: str, act: str) -> None:
        """No longer."""
        (self.folder / f"{place}.always.{act}").unlink(missing_ok=True)

    def set_clock(self, seconds: float) -> None:
        """Make all the services' clocks wrong by that much."""
        draft = self.folder / TAKEN / "clock"
        draft.write_text(str(seconds), encoding="ascii")
        draft.rename(self.folder / "clock")

    def _lay(self, place: str, act: str) -> Path:
        token = self.folder / f"{place}.{next(self._numbers):06d}.{act}"
        token.touch()
        return token

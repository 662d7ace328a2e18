"""The scripted gateway, and a folder that knows no other one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from wharf.client.__main__ import main
from wharf.client.testing import KEY, Gateway, serving


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with serving(Gateway()) as found:
        yield found


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder without any setting of Wharf."""
    for name in ("WHARF_URL", "WHARF_API_KEY", "WHARF_PLATFORM_KEY", "WHARF_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def known(gateway: Gateway, place: Path, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """The gateway, known to commands through the environment."""
    monkeypatch.setenv("WHARF_URL", gateway.url)
    monkeypatch.setenv("WHARF_API_KEY", KEY)
    return gateway


class Wharf:
    """Runs the command line in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        self.out = ""
        self.err = ""

    def __call__(self, *arguments: str) -> int | str | None:
        """The exit code; what was printed is in `out` and `err`."""
        self._monkeypatch.setattr(sys, "argv", ["wharf", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        self.out, self.err = self._capsys.readouterr()
        return ended.value.code


@pytest.fixture
def wharf(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Wharf:
    return Wharf(capsys, monkeypatch)

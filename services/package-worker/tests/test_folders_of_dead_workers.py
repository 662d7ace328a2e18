"""What a package puts into the temporary folder: gone with it, or with the next one where its process was killed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from wharf.package_worker.workfolder import work_folder

HOLD = """
from wharf.package_worker.workfolder import work_folder
with work_folder() as folder:
    (folder / "rows").write_bytes(bytes(1000))
    print(folder, flush=True)
    input()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's temporary folder, for this process and those that it starts."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


@pytest.fixture
def other() -> Iterator[subprocess.Popen[str]]:
    """Another worker that is making a package."""
    command = [sys.executable, "-c", HOLD]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def folder_of(process: subprocess.Popen[str]) -> Path:
    """Where it works; waits until it does."""
    assert process.stdout
    return Path(process.stdout.readline().strip())


def fill(folder: Path) -> None:
    """Write something into a folder within it, and fail."""
    (folder / "part").mkdir()
    (folder / "part" / "rows").write_bytes(b"x")
    message = "the disk is full"
    raise OSError(message)


def test_a_folder_goes_with_its_package(temporary: Path) -> None:
    """With all that is in it, after an error too."""
    with pytest.raises(OSError, match="full"), work_folder() as folder:
        fill(folder)
    assert list(temporary.iterdir()) == []


def test_a_killed_workers_folder_goes_with_the_next_package(temporary: Path, other: subprocess.Popen[str]) -> None:
    """As after an OOM kill: in a container such a folder is memory."""
    left = folder_of(other)
    other.kill()
    other.wait()
    assert (left / "rows").exists()
    with work_folder() as folder:
        assert list(temporary.iterdir()) == [folder]


def test_a_living_workers_folder_stays(other: subprocess.Popen[str]) -> None:
    """Whoever is at work beside it has its own."""
    busy = folder_of(other)
    with work_folder() as folder:
        assert folder != busy
    assert (busy / "rows").exists()


def test_what_is_no_work_folder_stays(temporary: Path) -> None:
    """A file or a link with such a name was made by somebody else."""
    elsewhere = temporary / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_bytes(b"x")
    (temporary / "wharf-package-file").write_bytes(b"x")
    (temporary / "wharf-package-link").symlink_to(elsewhere)
    with work_folder():
        pass
    assert (temporary / "wharf-package-file").exists()
    assert (elsewhere / "file").exists()

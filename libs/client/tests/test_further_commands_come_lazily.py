from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = '''
"""Says hello."""
print("IMPORTED")


def greet(name: str, *, loud: bool = False) -> None:
    """Greet somebody.

    More of it.
    """
    print(f"Hello {name}" + "!" * loud)
'''
ENTRIES = "[wharf.commands]\ngreet = greeting.words:greet\nlost = nowhere:gone\nupload = greeting.words:greet\n"
LISTING = "import sys; sys.argv = ['wharf', '--help']\nfrom wharf.client.__main__ import main\ntry: main()\nfinally: {}"


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    """An installed distribution with commands of its own."""
    package = tmp_path / "greeting"
    package.mkdir()
    (package / "__init__.py").write_text("print('IMPORTED')")
    (package / "words.py").write_text(PLUGIN)
    info = tmp_path / "greeting-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRIES)
    return tmp_path


def run(plugins: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = f"import sys; sys.path.insert(0, {str(plugins)!r}); from wharf.client.__main__ import main; main()"
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)


def test_a_listed_command_is_not_loaded(plugins: Path) -> None:
    """The help shows what it says of itself, read from its source; ours cannot be replaced."""
    result = run(plugins, "--help")
    assert result.returncode == 0
    told = " ".join(result.stdout.split())
    assert "greet Greet somebody." in told
    assert "lost" in result.stdout
    assert "IMPORTED" not in result.stdout
    assert result.stdout.count("upload ") == 1
    assert "upload Import a file" in told


def test_a_called_command_is_loaded_with_its_options(plugins: Path) -> None:
    """A plain function with annotations is enough."""
    assert run(plugins, "greet", "you", "--loud").stdout.splitlines()[-1] == "Hello you!"
    assert "Usage: wharf greet [OPTIONS]" in run(plugins, "greet", "--help").stdout.replace("-c ", "wharf ")


def test_a_broken_command_is_one_sentence(plugins: Path) -> None:
    """The other commands work on."""
    result = run(plugins, "lost")
    assert (result.returncode, result.stdout) == (1, "")
    assert "The command 'lost' is broken here" in result.stderr
    assert "Traceback" not in result.stderr


def test_help_imports_neither_the_stack_nor_the_http_client() -> None:
    """`wharf --help` answers while others still import."""
    code = LISTING.format("print([name for name in ('httpx', 'wharf.local', 'sqlalchemy') if name in sys.modules])")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.stdout.splitlines()[-1] == "[]"
    assert "upload" in result.stdout


def test_the_version_is_told() -> None:
    """One line that a bug report can hold."""
    result = subprocess.run(
        [sys.executable, "-m", "wharf.client", "--version"], capture_output=True, text=True, check=False
    )
    assert result.stdout.startswith("wharf 0.")

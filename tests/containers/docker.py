"""Docker as the tests use it: the command line that users have."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SERVICES = ("gateway", "ingest-worker", "package-worker", "scheduler")
VERSION = "test"
LONGEST = 900.0
WORKING_FOLDER = "/run/wharf:uid=10001"
BUILD_FLAGS = "WHARF_TEST_BUILD_FLAGS"
"""Words for `docker build`, where a build needs more than usual to reach the package index."""


def missing() -> str | None:
    """What is not there that these tests need; None where all is."""
    if shutil.which("docker") is None:
        return "docker on PATH"
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        return "a Docker engine that runs"
    return None if compose_command() else "docker compose (or docker-compose) on PATH"


def compose_command() -> list[str]:
    """Compose as a plugin or, older, as a program; empty where it is neither."""
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0:
        return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else []


def run(*command: str, **environment: str) -> str:
    """The command's output; an error that shows what it said where it fails."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**_of_this_machine(), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST,
    )
    if done.returncode:
        raise AssertionError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout.strip()


def _of_this_machine() -> dict[str, str]:
    """Its environment without Wharf's settings: Compose would take those of other tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith("WHARF_")}


def build(service: str) -> str:
    """Build a service's image; gives its name."""
    name = f"wharf/{service}:{VERSION}"
    flags = os.environ.get(BUILD_FLAGS, "").split()
    arguments = ("--build-arg", f"SERVICE={service}", "--build-arg", f"VERSION={VERSION}", "--tag", name)
    run(
        "docker", "build", "--quiet", "--file", "deploy/docker/Dockerfile", *flags, *arguments, ".", DOCKER_BUILDKIT="1"
    )
    return name


def inspect(what: str) -> dict[str, Any]:
    """All that Docker knows of an image or a container."""
    found: dict[str, Any] = json.loads(run("docker", "inspect", what))[0]
    return found


def inside(image: str, script: str) -> str:
    """Run a Python script in a new container of the image, as it would run in earnest: its user, nothing writable."""
    hardening = ("--read-only", "--network", "none", "--cap-drop", "ALL", "--tmpfs", "/tmp", "--tmpfs", WORKING_FOLDER)  # noqa: S108 - the container's
    return run("docker", "run", "--rm", *hardening, "--entrypoint", "python3", image, "-c", script)

"""A Compose installation of its own: its secrets, its containers, and how to reach it from outside."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx

from tests.containers.docker import ROOT, VERSION, compose_command, inspect, run
from wharf.local.connection import Connection
from wharf.local.trial import eventually

COMPOSE = ROOT / "deploy" / "compose"
READY_SECONDS = 120.0


@dataclass
class Project:
    """`with Project(folder, port) as project: project.connection …`; the gateway is on that port of 127.0.0.1."""

    folder: Path
    port: int
    name: str = field(default_factory=lambda: f"wharf-test-{uuid4().hex[:8]}")

    def __enter__(self) -> Self:
        """Make secrets, start everything, wait until it is ready."""
        shutil.copy(COMPOSE / "compose.yaml", self.folder)
        run("python3", str(COMPOSE / "make_secrets.py"), str(self.folder / "secrets"))
        try:
            self.compose("up", "--detach", "--no-build")
            eventually(self.is_ready, "every container to be well, and the gateway to serve", READY_SECONDS)
        except BaseException as error:
            error.add_note(self.account())
            self.down()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take everything down."""
        self.down()

    @property
    def url(self) -> str:
        """The gateway's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def connection(self) -> Connection:
        """As of a stack of processes; the servers are reached past the published port, by their own addresses."""
        return Connection(
            url=self.url,
            api_key=self.secret("first_api_key"),
            platform_key=self.secret("first_platform_key"),
            database_url=self.secret("owner_database_url").replace("@postgres:", f"@{self.address('postgres')}:"),
            redis_url=self.secret("redis_url").replace("@redis:", f"@{self.address('redis')}:"),
        )

    def compose(self, *arguments: str, **environment: str) -> str:
        """Run Compose on this project."""
        chosen = {"WHARF_VERSION": VERSION, "WHARF_PUBLISH": f"127.0.0.1:{self.port}", **environment}
        file = str(self.folder / "compose.yaml")
        return run(*compose_command(), "--project-name", self.name, "--file", file, *arguments, **chosen)

    def secret(self, name: str) -> str:
        """One of its secrets."""
        return (self.folder / "secrets" / name).read_text("utf-8").strip()

    def containers(self, service: str | None = None) -> list[str]:
        """The ids of its running containers, of one service or of all."""
        named = [] if service is None else ["--filter", f"label=com.docker.compose.service={service}"]
        mine = f"label=com.docker.compose.project={self.name}"
        return run("docker", "ps", "--quiet", "--filter", mine, *named).split()

    def address(self, service: str) -> str:
        """Where a service's container is reached from this machine."""
        return self.address_of(self.containers(service)[0])

    def address_of(self, container: str) -> str:
        """The same of one container."""
        networks: dict[str, Any] = inspect(container)["NetworkSettings"]["Networks"]
        return next(str(network["IPAddress"]) for name, network in networks.items() if name.endswith("_backend"))

    @contextmanager
    def cut_off(self, container: str) -> Iterator[None]:
        """While this lasts nothing comes to a container or from it; its connections are not closed."""
        networks = list(inspect(container)["NetworkSettings"]["Networks"])
        for network in networks:
            run("docker", "network", "disconnect", network, container)
        try:
            yield
        finally:
            for network in networks:
                run("docker", "network", "connect", network, container)

    def health(self, service: str) -> set[str]:
        """How a service's containers are, as their health checks say."""
        return {inspect(one)["State"]["Health"]["Status"] for one in self.containers(service)}

    def crash(self, container: str) -> None:
        """Kill its first process from outside, as a crash would: Docker's own kill counts as a stop."""
        os.kill(inspect(container)["State"]["Pid"], signal.SIGKILL)

    def is_ready(self) -> bool:
        """Whether the gateway serves and every container is well: a worker that cannot start is told of at once."""
        try:
            served = httpx.get(f"{self.url}/readyz", timeout=2).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False
        return served and {inspect(one)["State"]["Health"]["Status"] for one in self.containers()} == {"healthy"}

    def account(self) -> str:
        """How its containers are, and what they said last."""
        return f"{self.compose('ps')}\n{self.compose('logs', '--tail', '20')}"

    def down(self) -> None:
        """Stop and remove containers, networks and volumes."""
        self.compose("down", "--volumes", "--timeout", "20")

    def left(self) -> list[str]:
        """What is still there of it."""
        mine = f"label=com.docker.compose.project={self.name}"
        listings = (("ps", "--all"), ("network", "ls"), ("volume", "ls"))
        return [line for what in listings for line in run("docker", *what, "--quiet", "--filter", mine).split()]

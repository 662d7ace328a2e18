from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
from kombu import Connection as BrokerConnection

from wharf.common.errors import Invalid
from wharf.common.settings import ServiceSettings
from wharf.common.startup import check
from wharf.local.ports import HOST, Ports
from wharf.local.stack import LocalStack
from wharf.local.trial import Trial, eventually

PROGRAM = "/usr/lib/rabbitmq/bin/rabbitmq-server"
"""Debian's own: the one on PATH is a wrapper that wants to be root."""
START_SECONDS = 90.0


class RabbitMq:
    """A server of its own: all its files are in `folder`, all its ports on this machine's own address."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        ports = Ports(folder / "ports.json")
        self._port, self._distribution, self._mapper = (str(ports.pick(n)) for n in ("amqp", "erlang", "epmd"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address, with the user that every new server has, on its own machine only."""
        return f"amqp://guest:guest@{HOST}:{self._port}//"

    def start(self) -> None:
        """Start and wait until it answers."""
        (self._folder / "plugins").write_text("[].\n")
        with (self._folder / "out").open("ab") as out:
            self._process = subprocess.Popen(
                [self._program], env=self._environment(), stdout=out, stderr=out, start_new_session=True
            )
        eventually(self._answers, "RabbitMQ to start", START_SECONDS)

    def stop(self) -> None:
        """End it with all that it started."""
        if self._process is None:
            return
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(30)
        finally:
            self.kill()
        subprocess.run(["epmd", "-port", self._mapper, "-kill"], check=False, capture_output=True)

    def kill(self) -> None:
        """End all of it without a word."""
        for process in psutil.process_iter(["environ"]):
            if (process.info["environ"] or {}).get("RABBITMQ_MNESIA_BASE") == str(self._folder / "data"):
                process.kill()
                process.wait(10)
        if self._process is not None:
            self._process.wait(10)

    def _answers(self) -> bool:
        try:
            with closing(BrokerConnection(self.url, connect_timeout=2)) as connection:
                connection.connect()
                return True
        except OSError:
            return False

    def _environment(self) -> dict[str, str]:
        loopback = "-kernel inet_dist_use_interface {127,0,0,1}"
        return os.environ | {
            "HOME": str(self._folder),
            "ERL_EPMD_ADDRESS": HOST,
            "ERL_EPMD_PORT": self._mapper,
            "RABBITMQ_CONF_ENV_FILE": str(self._folder / "none"),
            "RABBITMQ_CONFIG_FILE": str(self._folder / "none"),
            "RABBITMQ_DIST_PORT": self._distribution,
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._folder / "plugins"),
            "RABBITMQ_LOG_BASE": str(self._folder / "log"),
            "RABBITMQ_MNESIA_BASE": str(self._folder / "data"),
            "RABBITMQ_NODENAME": f"wharf{self._port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": HOST,
            "RABBITMQ_NODE_PORT": self._port,
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": loopback,
        }


@pytest.fixture(scope="module")
def rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMq]:
    """A RabbitMQ for these tests."""
    program = PROGRAM if Path(PROGRAM).exists() else shutil.which("rabbitmq-server")
    if program is None:
        pytest.skip("needs: rabbitmq-server")
    server = RabbitMq(program, tmp_path_factory.mktemp("rabbit"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def stack(rabbit: RabbitMq, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack that is told of the broker by its URL and nothing else."""
    with LocalStack(tmp_path_factory.mktemp("wharf"), port=0, discard=True, broker_url=rabbit.url) as running:
        yield running


def borrowed(name: str) -> dict[str, Any]:
    """Tests and fixtures of another module: what holds with Redis holds with RabbitMQ."""
    spec = importlib.util.spec_from_file_location(f"{name}_with_rabbitmq", Path(__file__).with_name(f"{name}.py"))
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return vars(module)


recovering = borrowed("test_recovering_imports")
large = recovering["large"]
test_a_killed_worker_loses_and_doubles_nothing = recovering["test_a_killed_worker_loses_and_doubles_nothing"]
test_every_good_row_is_loaded = borrowed("test_importing_transactions")[
    "test_every_good_row_is_in_the_dataset_and_every_bad_one_explained"
]
test_an_urgent_job_overtakes_those_that_wait = borrowed("test_urgent_before_low")[
    "test_an_urgent_job_overtakes_those_that_wait"
]
lost = borrowed("test_lost_messages")
test_a_job_whose_message_was_lost_runs_all_the_same = lost["test_a_job_whose_message_was_lost_runs_all_the_same"]


def echo(wharf: Trial) -> str:
    """The id of a small job, sent the way of every other."""
    answer = wharf.api.post("/api/v1/tasks/test", params={"message": "hello"}).raise_for_status()
    job_id: str = answer.json()["task_id"]
    return job_id


@pytest.mark.parametrize("harm", [RabbitMq.stop, RabbitMq.kill], ids=["stopped", "killed"])
def test_work_goes_on_after_a_restart_of_the_broker(
    wharf: Trial, rabbit: RabbitMq, harm: Callable[[RabbitMq], None]
) -> None:
    """Submits are answered while it is away, and run when it is back; the workers consume again by themselves."""
    assert wharf.ended(echo(wharf))["status"] == "completed"
    harm(rabbit)
    meanwhile = echo(wharf)
    rabbit.start()
    assert wharf.ended(meanwhile)["status"] == "completed"
    assert wharf.ended(echo(wharf))["status"] == "completed"


def test_a_login_that_it_refuses_is_told(stack: LocalStack, rabbit: RabbitMq, tmp_path: Path) -> None:
    """Before a service starts: no waiting mends a password or a name."""
    settings = {
        "WHARF_DATABASE_URL": "postgresql://wharf_app:a@127.0.0.1:1/wharf",
        "WHARF_REDIS_URL": stack.connection.redis_url,
        "storage_url": (tmp_path / "objects").as_uri(),
    }
    check(ServiceSettings.model_validate(settings | {"WHARF_BROKER_URL": rabbit.url}))
    password, name = rabbit.url.replace(":guest@", ":s3cret@"), rabbit.url.removesuffix("/") + "none"
    for wrong, said in ((password, "refuses the login"), (name, "no virtual host of that name")):
        with pytest.raises(Invalid, match=f"RabbitMQ .*{said}.*WHARF_BROKER_URL") as told:
            check(ServiceSettings.model_validate(settings | {"WHARF_BROKER_URL": wrong}))
        assert "s3cret" not in told.value.message

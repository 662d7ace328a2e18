"""Images built once, and one Compose installation for all tests of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.containers.docker import SERVICES, build, missing
from tests.containers.project import Project
from wharf.local.ports import Ports


@pytest.fixture(scope="session")
def images() -> dict[str, str]:
    """Each service's image, by the service's name."""
    if lacking := missing():
        pytest.skip(f"needs: {lacking}")
    return {service: build(service) for service in SERVICES}


@pytest.fixture(scope="package")
def composed(images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Everything up and ready; taken down at the end, with nothing left."""
    assert images
    port = Ports(tmp_path_factory.mktemp("ports") / "ports").pick("compose")
    with Project(tmp_path_factory.mktemp("compose"), port) as running:
        yield running
    assert running.left() == []

"""Examples, and what Helm says to bad values."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml

from deploy.helm.tests.rendering import EXAMPLES, LEAST, Values, merged, refused


@pytest.fixture(scope="session")
def refusal() -> Callable[[Values], str]:
    """The complaint about values, the least that has to be said beside them."""
    return lambda values: refused(merged(LEAST, values))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes an `example` once for each example file, and for what a plain installation has."""
    if "example" in metafunc.fixturenames:
        found = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in EXAMPLES} | {"least": {}}
        metafunc.parametrize("example", list(found.values()), ids=list(found))

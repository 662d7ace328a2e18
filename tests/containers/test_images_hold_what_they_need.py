"""Images: small, closed, and complete."""

from __future__ import annotations

import pytest

from tests.containers.docker import SERVICES, inside, inspect

LARGEST = 350 * 10**6
IMPORT_ALL = """
import importlib, pkgutil, wharf.common, {module} as service
for package in (wharf.common, service):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        # These read the settings, or are a script of Alembic's.
        if not found.name.endswith(("__main__", ".app", ".env")):
            importlib.import_module(found.name)
print("all there")
"""
REQUIREMENTS = """
from importlib.metadata import distributions
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
found = {canonicalize_name(d.metadata["Name"]) for d in distributions()}
needs = (Requirement(r) for d in distributions() for r in d.requires or ())
wanted = (need for need in needs if need.marker is None or need.marker.evaluate({"extra": ""}))
print(sorted({canonicalize_name(need.name) for need in wanted} - found))
"""
PAGES = """
from wharf.gateway.console.assets import ASSETS
from wharf.gateway.console.pages import ENVIRONMENT
pages = [ENVIRONMENT.get_template(name) for name in ENVIRONMENT.list_templates()]
print(len(pages) > 5, {"console.css", "console.js", "htmx.min.js"} <= set(ASSETS))
"""
TOOLS = """
import shutil
print([tool for tool in ("gcc", "cc", "make", "pip", "apt-get", "curl", "perl") if shutil.which(tool)])
"""
COMPUTE = """
import pyarrow, pyarrow.compute, numpy
print(pyarrow.compute.sum(pyarrow.array(numpy.arange(5))).as_py())
"""


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_is_small(images: dict[str, str], service: str) -> None:
    """It is pulled by every machine that runs it; docs/images.md says what fills it."""
    assert inspect(images[service])["Size"] <= LARGEST


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_says_what_it_is_and_how_it_is(images: dict[str, str], service: str) -> None:
    """Labels that registries show, no root, a health check, the command of its service."""
    config = inspect(images[service])["Config"]
    labels = {name.rpartition(".")[2]: value for name, value in config["Labels"].items()}
    assert (labels["title"], labels["version"], labels["licenses"]) == (f"wharf-{service}", "test", "MIT")
    assert config["User"] == "wharf"
    assert config["Healthcheck"]["Test"] == ["CMD", "healthcheck"]
    assert (config["Entrypoint"], config["Cmd"]) == (["entrypoint"], ["wharf-service"])


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_has_all_that_its_service_imports(images: dict[str, str], service: str) -> None:
    """Nothing was taken out of it, or left out of its part of the lock, that is needed; nothing has to be written."""
    module = f"wharf.{service.replace('-', '_')}"
    assert inside(images[service], IMPORT_ALL.format(module=module)).splitlines()[-1] == "all there"
    missing = inside(images[service], REQUIREMENTS)
    assert missing == "[]"


def test_arrow_computes_in_the_worker_that_has_it(images: dict[str, str]) -> None:
    """Its libraries lost their symbols, not their functions."""
    assert inside(images["ingest-worker"], COMPUTE) == "10"


def test_the_gateways_pages_are_in_its_image(images: dict[str, str]) -> None:
    """Templates, stylesheet and scripts are no modules: a wheel could leave them out without a sign."""
    assert inside(images["gateway"], PAGES) == "True True"


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_has_no_tools(images: dict[str, str], service: str) -> None:
    """What is not there nobody can use against us."""
    assert inside(images[service], TOOLS) == "[]"


def test_the_scheduler_can_dump_the_server_s_version(images: dict[str, str]) -> None:
    """`pg_dump` refuses a server that is newer than itself; the other images do without."""
    told = inside(images["scheduler"], "import subprocess; subprocess.run(['pg_dump', '--version'], check=True)")
    assert told.startswith("pg_dump (PostgreSQL) 18.")

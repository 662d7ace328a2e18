"""What a package's job keeps of the type that was ordered, and what a version before makes of it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from wharf.common.jobs.kinds import PackagePayload, Payload
from wharf.common.packages import PackageOptions, builtin_packages

OWN = builtin_packages()["procurement_summary"].model_copy(update={"title": "Ours"})


class PayloadBefore(Payload):
    """As it was before tenants had types of their own."""

    package_type: str
    options: PackageOptions = PackageOptions()


def kept(payload: PackagePayload) -> Any:
    return PackagePayload.model_validate_json(payload.model_dump_json())


def test_a_type_of_ones_own_is_kept_whole() -> None:
    """Filters and all, so that a change after the submit changes nothing."""
    assert kept(PackagePayload.of(OWN, PackageOptions())).declaration == OWN


def test_a_built_in_type_is_kept_by_its_name() -> None:
    """Each worker has it, and one of the version before reads it."""
    text = PackagePayload.of(builtin_packages()["asset_register"], PackageOptions()).model_dump_json()
    assert PayloadBefore.model_validate_json(text).package_type == "asset_register"
    assert PackagePayload.model_validate_json(text).declaration is None


def test_a_worker_of_the_version_before_refuses_a_type_that_it_does_not_know() -> None:
    """It would make the built-in one of that name."""
    with pytest.raises(ValidationError, match="version"):
        PayloadBefore.model_validate_json(PackagePayload.of(OWN, PackageOptions()).model_dump_json())


def test_a_payload_of_the_version_before_is_understood() -> None:
    """Jobs that waited while the worker was replaced."""
    before = PayloadBefore(package_type="asset_register").model_dump_json()
    assert PackagePayload.model_validate_json(before).package_type == "asset_register"

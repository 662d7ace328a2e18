"""Ingress and HTTPRoute: where on their hosts the gateway is."""

from __future__ import annotations

import pytest

from deploy.helm.tests.rendering import Values, render

INGRESS: Values = {"ingress": {"enabled": True, "hosts": ["tools.example.org"]}}
ROUTE: Values = {"httpRoute": {"enabled": True, "parentRefs": [{"name": "public"}]}}


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({}, "/"),
        ({"settings": {"WHARF_BASE_PATH": "/wharf"}}, "/wharf"),
        ({"settings": {"WHARF_BASE_PATH": "/no"}, "gateway": {"settings": {"WHARF_BASE_PATH": "/wharf/"}}}, "/wharf"),
    ],
    ids=["a host of its own", "below a path", "the gateway's own setting"],
)
def test_they_lead_to_where_the_gateway_is_told_that_it_is(said: Values, path: str) -> None:
    """One setting for both: a path that only one of them knew would show nothing."""
    ingress = render({**INGRESS, **said}).one("Ingress", "wharf")
    assert ingress["spec"]["rules"][0]["http"]["paths"][0]["path"] == path
    route = render({**ROUTE, **said}).one("HTTPRoute", "wharf")
    assert route["spec"]["rules"][0]["matches"] == [{"path": {"type": "PathPrefix", "value": path}}]

"""Signatures of messages, and the addresses that no message is sent to."""

from __future__ import annotations

import base64
from ipaddress import ip_address

import pytest

from wharf.common.webhooks import is_refused, networks, new_secret, signatures

SECRET = "whsec_plJ3nmyCDGBKInavdOK15jsl"
BODY = b'{"event_type":"ping","data":{"success":true}}'
SIGNED = "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="
"""The example of the Standard Webhooks specification."""


def test_the_signature_is_the_specification_s():
    """Its own example: any receiver's library takes ours."""
    assert signatures([SECRET], "msg_loFOjxBNrRLzqYUf", 1731705121, BODY) == SIGNED


def test_each_secret_signs():
    """While a secret is exchanged a receiver may know the old or the new one."""
    said = signatures([new_secret(), SECRET], "msg_loFOjxBNrRLzqYUf", 1731705121, BODY).split(" ")
    assert len(set(said)) == 2
    assert said[1] == SIGNED


def test_secrets_are_long_and_never_the_same():
    """256 random bits, in the form that libraries know."""
    one, other = new_secret(), new_secret()
    assert one != other
    assert len(base64.b64decode(one.removeprefix("whsec_"), validate=True)) == 32


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "100.100.100.200", "0.0.0.1", "224.0.0.1", "239.1.1.1", "255.255.255.255", "240.0.0.1", "192.0.2.1",
        "198.18.0.1", "168.63.129.16", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1",
        "fec0::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1", "2001:0:7f00:1::",
        "::127.0.0.1",
    ],
)  # fmt: skip
def test_nothing_is_sent_to_an_address_that_is_not_public(address):
    """Private, loopback, link-local, carrier-grade, multicast, metadata; and IPv6 that stands for one of these."""
    assert is_refused(ip_address(address), ())


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_public_addresses_are_sent_to(address):
    """IPv6 that stands for a public one, too."""
    assert not is_refused(ip_address(address), ())


@pytest.mark.parametrize(
    ("address", "refused"), [("10.1.2.3", False), ("::ffff:10.1.2.3", False), ("10.2.0.1", True), ("127.0.0.1", True)]
)
def test_networks_can_be_allowed(address, refused):
    """One of them opens itself and no other."""
    assert is_refused(ip_address(address), networks("10.1.0.0/16, fd00::/8")) is refused


@pytest.mark.parametrize("said", ["10.0.0.1/8", "example.org", "10.0.0.0/40"])
def test_what_is_no_network_is_no_setting(said):
    """A typing error allows nothing by mistake."""
    with pytest.raises(ValueError, match=r"host bits|network"):
        networks(said)

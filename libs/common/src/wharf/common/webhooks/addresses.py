"""Addresses that nothing is sent to: those that are not public, since a tenant could reach the machinery through us."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

NAT64 = IPv6Network("64:ff9b::/96")
OURS_TOO = (
    IPv4Network("168.63.129.16/32"),  # Azure's platform speaks to its machines from a public address
    IPv6Network("64:ff9b:1::/48"),  # NAT64 of a network's own
    IPv4Network("192.88.99.0/24"),  # 6to4's relays, which no longer exist
)
"""Public by their number, and not by what is behind them."""


def networks(said: str) -> tuple[Network, ...]:
    """Comma-separated networks, such as `10.0.0.0/8, fd00::/8`; raises ValueError for what is none."""
    return tuple(ip_network(part.strip()) for part in said.split(",") if part.strip())


def is_refused(address: Address, allowed: Sequence[Network]) -> bool:
    """Whether nothing may be sent there: no public address, and in none of the networks that are allowed."""
    meant = tuple(_meant(address))
    if any(one in network for one in meant for network in allowed):
        return False
    return not all(_is_public(one) for one in meant)


def _meant(address: Address) -> Iterator[Address]:
    """The address itself, or what a translator makes of it; and those that a tunnel's address leads to."""
    if isinstance(address, IPv4Address):
        yield address
        return
    if address.ipv4_mapped or address in NAT64:
        yield IPv4Address(int(address) & 0xFFFFFFFF)
        return
    yield address
    yield from address.teredo or ()
    if address.sixtofour:
        yield address.sixtofour


def _is_public(address: Address) -> bool:
    local = isinstance(address, IPv6Address) and address.is_site_local
    special = address.is_multicast or address.is_reserved or address.is_unspecified or local
    return address.is_global and not special and not any(address in network for network in OURS_TOO)

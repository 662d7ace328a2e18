#!/usr/bin/env python3
"""Of the one lock only what some members need, with its hashes: `python subset.py requirements.lock wharf-gateway …`.

The lock says of each package via whom it came. Followed upwards, that leads from the package to the members of this
repository that need it; what none of the named members needs is left out. Standard library only: it runs before
anything is installed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==")
VIA = re.compile(r"^    # +(?:via +)?([a-z0-9][a-z0-9._-]*)")


def entries(lock: str) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Yield each package's name, its lines (a package may have several pins, by marker) and who needs it directly."""
    for block in re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE):
        if pin := PIN.match(block):
            found = filter(None, map(VIA.match, block.splitlines()))
            yield pin[1], block, frozenset(via[1] for via in found if via[1] != "via")


def subset(lock: str, wanted: set[str]) -> str:
    """The pins, with their hashes, that the wanted members or packages need, and those of the packages themselves."""
    found = list(entries(lock))
    dependants = {name: frozenset[str]().union(*(via for n, _, via in found if n == name)) for name, _, _ in found}
    return "".join(block for name, block, _ in found if name in wanted or needed_by(name, wanted, dependants))


def needed_by(name: str, wanted: set[str], dependants: Mapping[str, frozenset[str]]) -> bool:
    """Whether one of the wanted needs `name`, directly or through others."""
    seen, todo = {name}, [name]
    while todo:
        above = dependants.get(todo.pop(), frozenset())
        if above & wanted:
            return True
        todo += above - seen
        seen |= above
    return False


if __name__ == "__main__":
    path, *members = sys.argv[1:]
    sys.stdout.write(subset(Path(path).read_text("utf-8"), set(members)))

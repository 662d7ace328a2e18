"""`make dashboards`: write what is declared here to deploy/observability; `--check` says whether it is current."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from deploy.observability.source.boards import BOARDS
from deploy.observability.source.objectives import rules
from deploy.observability.source.writing import written

PLACE = Path(__file__).parents[1]
HEAD = "# Written by `make dashboards` from deploy/observability/source/objectives.py: change that, not this.\n"


def files() -> dict[Path, str]:
    """Every file that is written, with its text."""
    made = {PLACE / "dashboards" / f"{board.name}.json": written(board) for board in BOARDS}
    made[PLACE / "rules/objectives.yaml"] = HEAD + yaml.safe_dump(rules(), sort_keys=False, width=1000)
    return made


def outdated() -> list[Path]:
    """Those that are not what would be written, and dashboards that nothing declares any more."""
    wanted = files()
    there = set((PLACE / "dashboards").glob("*.json"))
    changed = [path for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    return sorted([*changed, *(there - set(wanted))])


def main() -> None:
    """Write, or check."""
    if sys.argv[1:] == ["--check"]:
        found = outdated()
        sys.exit(f"Not current: {', '.join(path.name for path in found)}. Run make dashboards." if found else 0)
    for path in outdated():
        path.unlink(missing_ok=True)
    for path, text in files().items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()

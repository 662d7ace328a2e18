"""`make chart`: write what of the chart follows from the code; `--check` says whether it is current."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import yaml

from deploy.helm.source.schema import values
from deploy.helm.source.settings import known

CHART = Path(__file__).parents[1] / "wharf"
HEAD = "# Written by `make chart` from the services' settings: which of them knows which.\n"


def files() -> dict[Path, str]:
    """Every file that is written, with its text."""
    return {
        CHART / "values.schema.json": json.dumps(values(), indent=1) + "\n",
        CHART / "files/settings.yaml": HEAD + yaml.safe_dump(known(), sort_keys=False, width=1000),
    }


def outdated() -> list[Path]:
    """Those that are not what would be written."""
    return [path for path, text in files().items() if not path.exists() or path.read_text("utf-8") != text]


def main() -> None:
    """Write, or check."""
    if sys.argv[1:] == ["--check"]:
        found = outdated()
        sys.exit(f"Not current: {', '.join(path.name for path in found)}. Run make chart." if found else 0)
    for path, text in files().items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()

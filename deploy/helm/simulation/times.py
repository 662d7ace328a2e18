"""How long things take: what was measured on a machine with two cores, and what is taken for granted of a cluster."""

from __future__ import annotations

IMPORT_SECONDS = {10_000: 0.17, 100_000: 0.60, 300_000: 1.82, 1_000_000: 6.07}
"""By rows of a file: docs/benchmarks.md; the third lies on the line between its neighbours."""
PACKAGE_SECONDS = {5_000: 0.22, 20_000: 0.87, 50_000: 2.2, 200_000: 8.7}
"""By rows, a PDF and a workbook: docs/decisions/0009 has 20,000, and that a page costs the same in any number."""
SHARED = 2.0
"""A pod has as many jobs as slots on one processor: two of them take twice as long as one alone."""
START_SECONDS = 30.0
"""From the wish for a pod until its first job: scheduling, the container, the process. The image is there."""
FINISH_SECONDS = 15.0
"""A pod that goes lets jobs finish for so long (WHARF_STOP_SECONDS less 15), then they are given back."""
CHECKPOINT_SECONDS = {"ingest": 1.0, "ingest-bulk": 2.0, "package": 5.0}
"""Work since the last checkpoint is done again."""

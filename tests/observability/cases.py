"""For each alert: what makes it fire, and what looks alike and must not."""

from __future__ import annotations

from tests.observability.cases_of_jobs import JOBS
from tests.observability.cases_of_objectives import OBJECTIVES
from tests.observability.cases_of_the_platform import PLATFORM

BY_FILE = {"objectives": OBJECTIVES, "jobs": JOBS, "platform": PLATFORM}
CASES = (*OBJECTIVES, *JOBS, *PLATFORM)

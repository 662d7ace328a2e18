"""What the health report looks at: servers, and the work that goes on."""

from __future__ import annotations

from wharf.gateway.checks.checkup import PATIENCE_SECONDS, Checkup, Report
from wharf.gateway.checks.part import Level, Part
from wharf.gateway.checks.servers import server_checks
from wharf.gateway.checks.work import work_checks

__all__ = ["PATIENCE_SECONDS", "Checkup", "Level", "Part", "Report", "server_checks", "work_checks"]

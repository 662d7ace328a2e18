"""Sample files: the same for the same seed, and it is known what must become of every row."""

from __future__ import annotations

from wharf.local.samples.assets import write_assets
from wharf.local.samples.expected import Expected, ExpectedReject
from wharf.local.samples.jira_issues import write_jira_issues
from wharf.local.samples.purchase_orders import write_purchase_orders
from wharf.local.samples.transactions import FAULTS, HEADER, write_transactions

__all__ = [
    "FAULTS",
    "HEADER",
    "Expected",
    "ExpectedReject",
    "write_assets",
    "write_jira_issues",
    "write_purchase_orders",
    "write_transactions",
]

"""`python -m tests.chaos`: imports under random faults, a total account, `docs/reliability.md`.

Exit code 1 when anything was lost, doubled, stuck or left, or when a promise about recovery was not kept.
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.machine import machine
from tests.chaos.campaign import Campaign, samples
from tests.chaos.cargo import Sender
from tests.chaos.faults import ALL
from tests.chaos.recovery import Recovery
from tests.chaos.report import TARGET_SECONDS, Report
from tests.chaos.stack import Chaos, chaos_stack
from wharf.local.failure import StartFailed

PAGE = Path("docs/reliability.md")
DRAIN_SECONDS = 300.0
screen = Console(stderr=True)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long imports and faults go on")
    parser.add_argument("--jobs", type=int, default=1000, help="imports to submit in this time")
    parser.add_argument("--every", type=float, default=4.0, help="seconds between faults, on average")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="decides on files and faults")
    parser.add_argument("--only", default="", help="only faults with this in their names; no report is written then")
    parser.add_argument("--logs", type=Path, help="where the logs go when a promise was not kept")
    parser.add_argument("--page", type=Path, default=PAGE, help="where the report goes")
    return parser.parse_args()


def hold_out(chaos: Chaos, folder: Path, asked: argparse.Namespace) -> Report:
    """Run the campaign on a stack and make the account."""
    sender, recovery = Sender(chaos), Recovery(chaos)
    campaign = Campaign(
        chaos, sender, recovery, samples(folder), asked.jobs, asked.minutes * 60, asked.every, asked.seed
    )
    if asked.only:
        campaign.choice = [fault for fault in ALL if asked.only in fault.name]
    with progress() as shown:
        jobs, faults = shown.add_task("jobs ended", total=asked.jobs), shown.add_task("faults", total=None)

        def tell(ended: int, happened: int) -> None:
            shown.update(jobs, completed=max(ended, int(shown.tasks[jobs].completed)))
            shown.update(faults, completed=happened)

        campaign.run(tell)
        shown.update(jobs, description="draining")
        wrongs = sender.account().settled(DRAIN_SECONDS, lambda: tell(campaign.ended(), campaign.happened.total()))
    wrongs.stuck += campaign.unhealed
    screen.print(str(wrongs), markup=False, highlight=False)
    for orphaned, seconds in recovery.waits():
        if seconds > TARGET_SECONDS:
            screen.print(f"{orphaned.why} at {orphaned.at:%H:%M:%S}: {orphaned.job_id} went on {seconds:.1f} s later")
    return Report(
        minutes=asked.minutes,
        seed=asked.seed,
        submitted=len(sender.held),
        rows=sum(sender.expected[label].rows for label in sender.held),
        unsent=len(campaign.unsent),
        happened=campaign.happened,
        wrongs=wrongs,
        after_kills=recovery.after_kills(),
        after_restarts=recovery.after_restarts(),
        machine=machine(chaos.trial.connection.database_url),
    )


def progress() -> Progress:
    """Two bars; on a pipe only their last state."""
    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=screen)


def main() -> None:
    """Break things, count, tell."""
    asked = arguments()
    screen.print(f"seed {asked.seed}: {asked.jobs} imports in {asked.minutes:g} minutes")
    with tempfile.TemporaryDirectory(prefix="wharf-chaos-") as name:
        folder = Path(name)
        try:
            with chaos_stack(folder, lease_seconds=None, ingest_workers=2) as chaos:
                report = hold_out(chaos, folder, asked)
                if asked.logs and not report.kept:
                    shutil.copytree(chaos.trial.stack.folder.logs, asked.logs, dirs_exist_ok=True)
        except StartFailed as error:
            sys.exit(f"chaos: {error}")
    if asked.only:
        screen.print(report.page(), markup=False, highlight=False)
    else:
        asked.page.write_text(report.page(), encoding="utf-8")
    screen.print("Every promise was kept." if report.kept else "NOT every promise was kept.")
    sys.exit(not report.kept)


if __name__ == "__main__":
    main()

"""`make console-pictures`: the console's pages, with jobs on a stack of its own, as PNGs in docs/images.

Needs Chromium. Wide and narrow, in both themes; whoever changes a page looks at all of them.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from wharf.client.api import WharfClient
from wharf.local.samples import write_assets, write_transactions
from wharf.local.stack import LocalStack

IMAGES = Path(__file__).parent / "images"
COLOURS, LARGEST = 128, 150_000
"""Colours of the palette, bytes of a picture."""
WIDE, NARROW = (1200, 760), (360, 760)
ROWS = 400_000
CALM_MILLIS = 1200


@dataclass(frozen=True)
class Picture:
    """One page in one window; its address may name what `fill` has made, such as `{failed}`, and `{running}`.

    What runs is begun for each picture that shows it, since it ends.
    """

    name: str
    path: str
    theme: str = "light"
    window: tuple[int, int] = WIDE
    moves: bool = False


def in_all(name: str, path: str, *, moves: bool = False) -> tuple[Picture, ...]:
    """A page in both themes, wide and narrow."""
    return tuple(
        Picture(f"{name}-{theme}{ending}", path, theme, window, moves)
        for theme in ("light", "dark")
        for ending, window in (("", WIDE), ("-narrow", NARROW))
    )


PICTURES = (
    *in_all("jobs", "/jobs", moves=True),
    *in_all("job-running", "/jobs/{running}", moves=True),
    *in_all("job-failed", "/jobs/{failed}"),
    *in_all("job-completed", "/jobs/{good}"),
    *in_all("overview", "/"),
    *in_all("files", "/files"),
    *in_all("file", "/files/{file}"),
    *in_all("data", "/data/transactions?column=transaction_id&value=T00000002"),
    *in_all("profiles", "/profiles"),
    *in_all("profile-form", "/profiles/new?upload={unknown}"),
    *in_all("package-form", "/packages"),
    *in_all("queues", "/queues"),
    *in_all("workers", "/workers"),
    *in_all("dead-letters", "/dead-letters"),
    *in_all("schedules", "/schedules"),
    *in_all("schedule", "/schedules/{schedule}"),
    *in_all("schedule-form", "/schedules/{schedule}/edit"),
    *in_all("webhooks", "/webhooks"),
    *in_all("webhook", "/webhooks/{webhook}"),
    *in_all("keys", "/keys"),
    *in_all("audit", "/audit"),
    *in_all("login", "/login"),
)


def main() -> None:
    """Draw them all."""
    place = shutil.which("chromium")
    if place is None:
        sys.exit("There is no chromium here. On Debian: apt-get install chromium")
    IMAGES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as name,
        LocalStack(Path(name) / "stack", port=0, discard=True) as stack,
        WharfClient(stack.connection.url, stack.connection.api_key) as wharf,
        sync_playwright() as playwright,
    ):
        jobs = fill(wharf, Path(name))
        browser = playwright.chromium.launch(executable_path=place, args=["--no-sandbox", "--disable-dev-shm-usage"])
        for picture in PICTURES:
            if picture.moves:
                jobs["running"] = start(wharf, Path(name))
            draw(browser, stack.connection.url, stack.connection.api_key, picture, jobs)
        browser.close()


def fill(wharf: WharfClient, folder: Path) -> dict[str, str]:
    """Jobs of every kind of end, and something on each other page."""
    written: list[tuple[str, Callable[..., object], int]] = [
        ("assets", write_assets, 500),
        ("transactions", write_transactions, 5000),
    ]
    for profile, write, rows in written:
        write(folder / f"{profile}.csv", rows, seed=3)
        good = str(wharf.upload(folder / f"{profile}.csv", profile=profile)["job_id"])
        wharf.wait(good)
    wharf.wait(wharf.make_package("transactions_report", formats=["xlsx", "pdf"])["job_id"])
    failed = ""
    for name in ("november.csv", "december.csv"):
        (folder / name).write_text("a;b\n1;2\n", "utf-8")
        failed = str(wharf.upload(folder / name, profile="transactions")["job_id"])
        wharf.wait(failed)
    write_transactions(folder / "year-2025.csv", ROWS, seed=4, bad=0)
    looked_at = {"file": mapped_by_hand(wharf, folder), "unknown": of_no_known_kind(wharf, folder)}
    return {"good": good, "failed": failed} | looked_at | steer(wharf)


def mapped_by_hand(wharf: WharfClient, folder: Path) -> str:
    """A file whose headers nobody knows."""
    path = folder / "verkauf.csv"
    path.write_text(
        "transaction_id;Datum;Menge;Einzelpreis;Filiale\nB1;01.02.2025;3;3,50;Nord\nB2;02.02.2025;1;9,90;Süd\n"
    )
    return look(wharf, path, "transactions")


def of_no_known_kind(wharf: WharfClient, folder: Path) -> str:
    """A file that is drafted a profile."""
    path, names = folder / "club_members_2025-11.csv", ("Ann", "Bo", "Cy", "Di")
    rows = "".join(f"M-{n:03};{names[n % 4]};2025-0{n % 9 + 1}-14;{n + 20}.50;yes\n" for n in range(20))
    path.write_text(f"Member No.;Name;Joined;Yearly fee;Paid\n{rows}")
    return look(wharf, path)


def look(wharf: WharfClient, path: Path, profile: str | None = None) -> str:
    """The upload of a file that is only looked at."""
    sent = wharf.upload(path, profile=profile, start=False)
    wharf.wait(str(sent["job_id"]))
    return str(sent["upload_id"])


def steer(wharf: WharfClient) -> dict[str, str]:
    """A schedule that has run, a webhook that was told, a key, and with them lines of the audit."""
    weekly = {"cron": "0 8 * * mon", "time_zone": "Europe/Berlin", "kind": "package"}
    payload = {"package_type": "transactions_report", "options": {"formats": ["pdf"]}}
    schedule = wharf.create_schedule(name="Monday's report", payload=payload, **weekly)
    wharf.create_schedule(name="Every hour", kind="echo", payload={"message": "tick"}, interval_seconds=3600)
    webhook = wharf.create_webhook(
        "Accounting", "https://hooks.example.org/wharf", events=["job.completed", "job.failed"]
    )
    wharf.wait(wharf.run_schedule(schedule["id"]).job_id)
    wharf.create_key("Night import", "operator")
    wharf.change_schedule(schedule["id"], cron="30 7 * * mon")
    return {"schedule": schedule["id"], "webhook": webhook["id"]}


def start(wharf: WharfClient, folder: Path) -> str:
    """A job that takes some seconds, alone."""
    for job in wharf.jobs(limit=1):
        wharf.wait(job.job_id)
    return str(wharf.upload(folder / "year-2025.csv", profile="transactions")["job_id"])


def draw(browser: Browser, url: str, key: str, picture: Picture, jobs: dict[str, str]) -> None:
    """One page as a PNG of few colours."""
    width, height = picture.window
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=picture.theme)  # type: ignore[arg-type]  # light or dark
    page = context.new_page()
    if picture.path != "/login":
        log_in(page, url, key)
    page.goto(url + picture.path.format(**jobs))
    if picture.moves:
        page.locator(".badge.running").first.wait_for()
    page.wait_for_timeout(CALM_MILLIS)
    target = IMAGES / f"console-{picture.name}.png"
    page.screenshot(path=target, full_page=picture.window is WIDE)
    context.close()
    with Image.open(target) as image:
        image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)
    if target.stat().st_size > LARGEST:
        sys.exit(f"{target} has {target.stat().st_size:,} bytes: more than {LARGEST:,}.")
    print(f"{target.relative_to(IMAGES.parent)}: {target.stat().st_size:,} bytes")


def log_in(page: Page, url: str, key: str) -> None:
    """As a person does."""
    page.goto(f"{url}/login")
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{url}/")


if __name__ == "__main__":
    main()

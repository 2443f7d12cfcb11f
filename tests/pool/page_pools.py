"""Pools at work as their dashboard page shows them, and pictures of it: ``python -m tests.pool.page_pools``
draws those of the docs anew, in a folder that is named.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distributed import Client, Scheduler
from distributed.protocol.pickle import dumps

from mediadask import footage
from mediadask.pool.core import Now
from mediadask.pool.history import (
    Attempt,
    AttemptEnded,
    Displaced,
    JobEnded,
    JobSubmitted,
    WorkerJoined,
    utc_now,
)
from mediadask.pool.ledger.ledger import Ledger
from mediadask.pool.scheduler.driver import Driver
from mediadask.pool.scheduler.scaler import Scaler
from mediadask.pool.view.dashboard import add_page
from mediadask.pool.view.pool_view import PoolView
from mediadask.render.output import Rendered
from tests.pool.core.pool import PlainPool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from mediadask.pool.history import Record

SHOWS = ("AGM", "NORTHERN_LIGHTS", "HARBOUR", "QUIET_CITY")
SIZES = {"laptop": (1440, 900), "wall": (1920, 1080)}


def pool_with(jobs: int) -> PlainPool:
    """A pool with so many open jobs: the first two run, of the second a unit is paused for the first."""
    budgets = {"AGM": {"amount": 60.0, "action": "warn"}, "HARBOUR": {"amount": 12.0, "action": "hold"}}
    tiers = {"local": {"price-per-hour": 1.5, "maximum": 8}}
    pool = PlainPool(workers=8, now=Now.read(), budgets=budgets, tiers=tiers, name="house")
    if not jobs:
        return pool
    clips = [f"A{number:03}C001" for number in range(40)]
    due = utc_now() + timedelta(minutes=50)
    pool.submit("dailies day 12", clips, show="NORTHERN_LIGHTS", seconds=95.0, deadline=due)
    pool.end(*clips[:8])
    pool.submit("turnover 7", ["t1", "t2", "t3"], show="AGM", priority="urgent", seconds=240.0)
    pool.checkpoint()
    for number in range(2, jobs):
        show, priority = SHOWS[number % 4], ("normal", "background", "background")[number % 3]
        units = [f"{number} {unit}" for unit in range(3)]
        pool.submit(f"proxies card {number:04}", units, show=show, priority=priority, seconds=40.0)
    pool.settle()
    return pool


def pool_with_outputs(folder: Path, outputs: int, done: int) -> PlainPool:
    """A pool with one job of so many outputs, of which the first are done; but the fifth has failed."""
    pool = PlainPool(workers=8, now=Now.read(), tiers={"local": {"maximum": 8}}, name="house")
    names = [f"A{number // 20 + 1:03}C{number % 20 + 1:03}.mp4" for number in range(outputs)]
    pool.submit("proxies card 7", names, show="NORTHERN_LIGHTS", seconds=95.0, frames=100, kind="proxy")
    scenes = [
        footage.write_clip(
            folder / f"scene-{scene}.mp4", codec="libx264", frames=9, size=(480, 270), scene=scene
        )
        for scene in range(5)
    ]
    for number, name in enumerate(names[:done]):
        if number == 4:
            pool.fail(name, f"{name}: cannot be read after frame 1180: the file is truncated")
            continue
        output = folder / name
        output.hardlink_to(scenes[number % 5])
        pool.end(name, value=dumps(Rendered(str(output), 9)))
    for number, name in enumerate(pool.running):
        pool.frames(name, 12 * number)
    return pool


def an_hour_of(pool: PlainPool, until: datetime) -> list[Record]:
    """What the ledger has of the last hour: a background of proxies, a spike that displaced them."""
    records: list[Record] = []

    def at(minutes: float) -> datetime:
        return until - timedelta(minutes=60 - minutes)

    records += [
        WorkerJoined(worker=f"s{n}", name=f"spot-{n}", tier="local", price_per_hour=1.5, threads=1,
                     at=at(4 if n < 4 else 22))
        for n in range(8)
    ]  # fmt: skip
    past = (("p1", "proxies", "HARBOUR", "background", 4, 60, range(4)),
            ("p2", "dailies day 11", "NORTHERN_LIGHTS", "normal", 24, 52, range(4, 8)),
            ("p3", "turnover 6", "AGM", "urgent", 30, 38, range(3)))  # fmt: skip
    for job, name, show, priority, begin, end, slots in past:
        records.append(JobSubmitted(job=job, name=name, show=show, priority=priority, at=at(begin), groups=9))
        for slot in slots:
            minute, number = float(begin), 0
            while minute < end:
                aside = 8.0 if job == "p1" and slot < 3 and minute == 30 else 0.0
                outcome = "failed" if job == "p2" and number in (3, 9) else "done"
                stamp = int(at(minute).timestamp() * 1000)
                what = Attempt(id=f"{stamp:012x}{job}{slot}{number}", job=job, unit=f"{slot} {number}",
                               kind="proxy", frames=1, worker=f"s{slot}")  # fmt: skip
                error = "A004C017: cannot be read after frame 1180: the file is truncated"
                records.append(
                    AttemptEnded(attempt=what, outcome=outcome, run_seconds=56.0, started=at(minute),
                                 paused_seconds=60 * aside, at=at(minute + 0.95 + aside),
                                 error=error if outcome == "failed" else "")
                )  # fmt: skip
                minute, number = minute + 1 + aside, number + 1
        if end < 60:
            records.append(
                JobEnded(job=job, status="done", seconds=60.0 * (end - begin), running_seconds=300.0,
                         groups_done=9, at=at(end))
            )  # fmt: skip
    for slot in range(3):
        stamp = int(at(30).timestamp() * 1000)
        what = Attempt(
            id=f"{stamp:012x}p1{slot}26", job="p1", unit=f"d{slot}", kind="proxy", frames=1, worker=f"s{slot}"
        )
        records.append(
            Displaced(displacement=f"d{slot}", attempt=what, for_job="p3", seconds=480.0, ended="resumed",
                      at=at(30.2))
        )  # fmt: skip
    return records + submitted(pool, at(55))


def submitted(pool: PlainPool, at: datetime) -> list[Record]:
    """What the ledger has of the open jobs."""
    return [
        JobSubmitted(job=job.id, name=job.spec.name, show=job.show, priority=job.priority, at=at,
                     groups=job.spec.groups)
        for job in pool.state.open_jobs()
    ]  # fmt: skip


@asynccontextmanager
async def served(pool: PlainPool, ledger: Ledger, prefix: str = "/") -> AsyncIterator[tuple[str, PoolView]]:
    """The pool's page on a scheduler: its address, and the view."""
    async with (
        Scheduler(host="127.0.0.1", port=0, dashboard_address="127.0.0.1:0", http_prefix=prefix) as scheduler,
        Client(scheduler.address, asynchronous=True, set_as_default=False) as client,
    ):
        driver = Driver(scheduler, client, pool.state, ledger)
        scaler = Scaler(scheduler, driver, ledger, None, ours=client.id, asked_at=0.0)
        await scaler.start()
        await scaler.look()
        view = PoolView(pool.state.config, pool.state, ledger, scaler)
        add_page(scheduler, view)
        await view.refresh()
        try:
            yield f"http://127.0.0.1:{scheduler.http_server.port}{prefix.rstrip('/')}/mediadask", view
        finally:
            await scaler.close()
            driver.end()


def browser() -> str | None:
    """The browser of this machine."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


async def show_thumbnails(page: Any, number: int) -> None:
    """Wait until a page shows so many thumbnails."""
    await page.wait_for_function(
        """number => {
          const roots = [document];
          for (const root of roots)
            for (const e of root.querySelectorAll("*")) if (e.shadowRoot) roots.push(e.shadowRoot);
          const images = roots.flatMap(root => [...root.querySelectorAll(".frame img")]);
          return images.filter(image => image.complete && image.naturalWidth).length === number;
        }""",
        arg=number,
    )


async def open_page(playwright: Any, url: str, size: str = "laptop", scheme: str = "light") -> Any:
    """The page in a browser, drawn."""
    chromium = await playwright.chromium.launch(
        executable_path=browser(), args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
    )
    width, height = SIZES[size]
    page = await chromium.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    await page.goto(url)
    await page.locator("h2").first.wait_for()
    return page


async def draw(folder: Path) -> None:
    """Draw the pages as the docs show them: a pool with many jobs by day, one with few by night, a job."""
    await draw_pools(folder)
    await draw_job(folder)


async def draw_job(folder: Path) -> None:
    """Draw the page of a job with its outputs."""
    from playwright.async_api import async_playwright

    picture = folder.absolute() / "dashboard-job.png"
    with tempfile.TemporaryDirectory() as scratch, Ledger(f"{scratch}/ledger.sqlite") as ledger:
        (Path(scratch) / "northern_lights" / "proxies").mkdir(parents=True)
        os.chdir(scratch)  # its name is nobody's business
        pool = pool_with_outputs(Path("northern_lights/proxies"), 1000, 27)
        for record in submitted(pool, utc_now() - timedelta(minutes=5)):
            ledger.record(record)
        ledger.flush()
        async with served(pool, ledger) as (url, _), async_playwright() as playwright:
            page = await open_page(playwright, f"{url}?job=proxies card 7")
            await show_thumbnails(page, 26)
            await page.screenshot(path=str(picture))
            await page.context.browser.close()
    few_colors(picture, 128)


def few_colors(picture: Path, colors: int) -> None:
    """Make a picture small enough for a repository."""
    from PIL import Image

    with Image.open(picture) as drawn:
        drawn.convert("RGB").quantize(colors).save(picture, optimize=True)


async def draw_pools(folder: Path) -> None:
    """Draw the page of a pool with many jobs by day, and of one with few by night."""
    from playwright.async_api import async_playwright

    for jobs, scheme in ((1000, "light"), (3, "dark")):
        pool, picture = pool_with(jobs), folder / f"dashboard-{scheme}.png"
        with tempfile.TemporaryDirectory() as scratch, Ledger(f"{scratch}/ledger.sqlite") as ledger:
            for record in an_hour_of(pool, utc_now()):
                ledger.record(record)
            ledger.flush()
            async with served(pool, ledger) as (url, _), async_playwright() as playwright:
                page = await open_page(playwright, url, "laptop", scheme)
                await page.screenshot(path=str(picture), full_page=jobs == 1000)
                await page.context.browser.close()
        few_colors(picture, 64)


if __name__ == "__main__":
    asyncio.run(draw(Path(sys.argv[1])))

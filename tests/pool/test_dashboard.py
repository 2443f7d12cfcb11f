"""The page `/mediadask` in a real browser, and the metrics, over a real scheduler and a real ledger."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock
from urllib.parse import urlencode

import dask.config
import numpy as np
import pytest
from distributed import Client, Scheduler
from distributed.protocol.pickle import dumps
from PIL import Image
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.web import Application, RequestHandler
from tornado.websocket import websocket_connect

from mediadask import footage
from mediadask.pool.core import Now
from mediadask.pool.core import events as ev
from mediadask.pool.core.jobs import DeliveryJob
from mediadask.pool.guard import dask_setup, guard
from mediadask.pool.history import (
    Attempt,
    AttemptEnded,
    Displaced,
    JobEnded,
    JobSubmitted,
    WorkerJoined,
    WorkerLeft,
    utc_now,
)
from mediadask.pool.ledger.ledger import Ledger
from mediadask.pool.scheduler.driver import Driver
from mediadask.pool.scheduler.plugin import PoolPlugin
from mediadask.pool.scheduler.scaler import Scaler
from mediadask.pool.view.dashboard import PoolPage, add_page
from mediadask.pool.view.metrics import PoolMetrics
from mediadask.pool.view.outputs import Outputs
from mediadask.pool.view.pool_view import PoolView
from mediadask.pool.view.sections import MOST_JOBS
from tests.pool import page_pools
from tests.pool.core.pool import PlainPool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tornado.httpclient import HTTPResponse

NAME = "dailies <b>42</b>"
THUMBNAIL = "/mediadask/thumbnail?job=j1&output=0"


def at_work() -> PlainPool:
    """Three units of a background job are done, two run, and one is paused for an urgent job."""
    pool = PlainPool(workers=3, now=Now.read(), budgets={"SHOW_A": {"amount": 2.0, "action": "hold"}})
    pool.submit(NAME, [f"clip {number}" for number in range(8)], show="SHOW_B", priority="background")
    pool.end("clip 0", "clip 1", "clip 2")
    pool.submit("urgent", ["urgent"], priority="urgent", seconds=5000.0)
    pool.checkpoint()
    return pool


@asynccontextmanager
async def opened(folder: Path, prefix: str = "/") -> AsyncIterator[tuple[Scheduler, PoolView, PlainPool]]:
    pool = at_work()
    ledger = Ledger(str(folder / "ledger.sqlite"))
    for event in (
        JobSubmitted(job="j1", name="turnover 7", show="SHOW_A", priority="urgent"),
        JobSubmitted(job="j2", name=NAME, show="SHOW_B", priority="background"),
        WorkerJoined(worker="w", tier="local", price_per_hour=2.0, threads=1),
        AttemptEnded(
            attempt=Attempt(id="a", job="j1", unit="u", kind="k", frames=1, worker="w"),
            outcome="done",
            run_seconds=1800,
        ),
        Displaced(
            displacement="d",
            for_job="j1",
            seconds=33.0,
            attempt=Attempt(id="a2", job="j2", unit="u", kind="k", frames=1, worker="w"),
        ),
        WorkerLeft(worker="w", seconds=3600.0),
        JobEnded(job="j1", status="done", seconds=600.0, running_seconds=500.0),
    ):
        ledger.record(event)
    assert ledger.flush()
    async with (
        Scheduler(host="127.0.0.1", port=0, dashboard_address="127.0.0.1:0", http_prefix=prefix) as scheduler,
        Client(scheduler.address, asynchronous=True, set_as_default=False) as client,
    ):
        guard(scheduler.http_application)
        driver = Driver(scheduler, client, pool.state, ledger)
        scaler = Scaler(scheduler, driver, ledger, None, ours=client.id, asked_at=0.0)
        await scaler.start()
        await scaler.look()
        view = PoolView(pool.state.config, pool.state, ledger, scaler)
        add_page(scheduler, view)
        metrics = PoolMetrics(view)
        metrics.register()
        try:
            await view.refresh()
            yield scheduler, view, pool
        finally:
            metrics.unregister()
            await scaler.close()
            driver.end()
    ledger.close()


async def get(scheduler: Scheduler, path: str) -> str:
    answer = await AsyncHTTPClient().fetch(f"http://{here(scheduler)}{path}", request_timeout=60)
    return answer.body.decode()


def here(scheduler: Scheduler) -> str:
    return f"127.0.0.1:{scheduler.http_server.port}"


def test_metrics_stand_beside_dask_s_own(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path) as (scheduler, _, _):
            told = await get(scheduler, "/metrics")
            lines = told.splitlines()
            assert any(line.startswith("dask_scheduler_workers") for line in lines)
            for line in (
                'mediadask_jobs_running{priority="background"} 1.0',
                'mediadask_units{priority="background",state="waiting"} 2.0',
                'mediadask_units{priority="background",state="paused"} 1.0',
                'mediadask_turnaround_seconds{priority="urgent",quantile="p50"} 600.0',
                'mediadask_turnaround_target_seconds{priority="urgent"} 900.0',
                'mediadask_workers{state="there",tier="local"} 3.0',
                'mediadask_spent{on="compute",show="SHOW_A"} 1.0',
                'mediadask_spent{on="idle",show="SHOW_A"} 1.0',
                'mediadask_displaced_seconds_total{show="SHOW_B"} 33.0',
                "mediadask_ledger_away_seconds 0.0",
            ):
                assert line in lines, line
            assert scheduler.adaptive_target() > 0
            assert (
                f'mediadask_workers{{state="target",tier="local"}} {scheduler.adaptive_target()}.0' in lines
            )

    asyncio.run(run())


def test_of_two_pools_in_a_process_the_latest_is_told(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path) as (first, _, _):
            (tmp_path / "second").mkdir()
            async with opened(tmp_path / "second") as (scheduler, _, _):
                told = await get(scheduler, "/metrics")
                assert told.count("mediadask_ledger_away_seconds 0.0") == 1
            assert "mediadask_ledger_away_seconds 0.0" in await get(first, "/metrics")

    asyncio.run(run())


@pytest.mark.parametrize(("share", "is_read"), [(1e9, True), (1e-9, False)])
def test_a_ledger_is_read_again_when_that_takes_a_small_share_of_the_time(
    share: float, is_read: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mediadask.pool.view.pool_view._REFRESH_SECONDS", 0.0)
    monkeypatch.setattr("mediadask.pool.view.pool_view._REFRESH_SHARE", share)

    async def run() -> None:
        async with opened(tmp_path) as (_, view, _):
            before = asyncio.all_tasks()
            view.refresh_soon()
            assert bool(asyncio.all_tasks() - before) == is_read
            await asyncio.gather(*(asyncio.all_tasks() - before))

    asyncio.run(run())


def test_dask_s_own_pages_lead_to_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path) as (scheduler, _, _):
            assert 'href="mediadask"' in await get(scheduler, "/status")
            assert 'href="status"' in await get(scheduler, "/mediadask")

    asyncio.run(run())


def test_it_has_the_prefix_of_dask_s_own_pages(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path, "/farm") as (scheduler, _, _):
            assert 'href="mediadask"' in await get(scheduler, "/farm/status")
            assert 'href="status"' in await get(scheduler, "/farm/mediadask")
            with pytest.raises(HTTPClientError, match="404"):
                await get(scheduler, "/mediadask")

    asyncio.run(run())


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("", None, 200),
        ("", "http://{here}", 200),
        ("localhost:{port}", "http://localhost:{port}", 200),
        ("localhost:9999", "http://localhost:9999", 200),  # a port that ssh forwards
        ("farm.example", "https://farm.example", 200),  # a proxy that the settings name
        ("", "https://farm.example", 200),  # one that sends its own address as host
        ("evil.example:{port}", None, 403),  # a name that was given the address 127.0.0.1
        ("evil.example:{port}", "http://evil.example:{port}", 403),
        ("", "http://evil.example", 403),
        ("", "http://localhost:1", 403),  # another server of this machine
        ("", "null", 403),
        ("127.0.0.1.evil.example", None, 403),
    ],
)
def test_only_its_own_pages_may_read_it(host: str, origin: str | None, status: int, tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path) as (scheduler, _, _):
            words = {"here": here(scheduler), "port": scheduler.http_server.port}
            headers = {"Host": host.format(**words)} if host else {}
            headers |= {"Origin": origin.format(**words)} if origin else {}
            for path in ("/mediadask", "/metrics", "/status", "/info/main/workers.html", THUMBNAIL):
                request = HTTPRequest(f"http://{here(scheduler)}{path}", headers=headers)
                answer = await AsyncHTTPClient().fetch(request, raise_error=False)
                assert answer.code == (204 if path == THUMBNAIL and status == 200 else status), path
                assert status == 200 or answer.body.startswith(b"this pool answers only requests to 127.")
            socket = HTTPRequest(f"ws://{here(scheduler)}/mediadask/ws", headers=headers)
            if status == 403:
                with pytest.raises(HTTPClientError, match="403"):
                    await websocket_connect(socket)

    proxy = {
        "distributed.scheduler.dashboard.bokeh-application.allow_websocket_origin": ["*", "farm.example"]
    }
    with dask.config.set(proxy):
        asyncio.run(run())


def browser() -> str:
    found = page_pools.browser()
    if found is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    return found


def test_the_page_in_a_browser(tmp_path: Path) -> None:
    executable = browser()
    rebound = "--host-resolver-rules=MAP evil.example 127.0.0.1"
    from playwright.async_api import async_playwright

    async def run() -> None:
        async with opened(tmp_path) as (scheduler, _, pool), async_playwright() as playwright:
            chromium = await playwright.chromium.launch(
                executable_path=executable, args=["--no-sandbox", "--disable-gpu", "--disable-quic", rebound]
            )
            page = await chromium.new_page(viewport={"width": 1400, "height": 900})
            complaints: list[Any] = []
            page.on("pageerror", lambda error: complaints.append(error))
            page.on(
                "console",
                lambda message: complaints.append(message.text) if message.type == "error" else None,
            )
            await page.goto(f"http://127.0.0.1:{scheduler.http_server.port}/mediadask")
            # Text inside the tables; what others call their jobs is text, not markup.
            await page.get_by_text("dailies <b>42</b>").first.wait_for()
            await page.get_by_text("2 running, 1 paused").wait_for()
            await page.get_by_text("3 / 8").wait_for()
            await page.get_by_text("turnover 7").first.wait_for()
            await page.get_by_text("workers, target ").wait_for()
            another = await chromium.new_page()
            await another.goto(page.url)
            await another.get_by_text("turnover 7").first.wait_for()
            await another.close()

            await page.screenshot(path=str(tmp_path / "page.png"))
            pool.end(pool.running[0])
            await page.get_by_text("4 / 8").wait_for()
            assert not complaints

            # A page of somebody else whose name has been given this machine's address.
            evil = await page.goto(page.url.replace("127.0.0.1", "evil.example"))
            assert evil is not None
            assert evil.status == 403
            await chromium.close()

    asyncio.run(run())


LIES_OVER = """() => {
  const roots = [document, ...[...document.querySelectorAll("*")].map(e => e.shadowRoot).filter(r => r)];
  for (let n = 0; n < roots.length; n++)
    for (const e of roots[n].querySelectorAll("*"))
      if (e.shadowRoot && !roots.includes(e.shadowRoot)) roots.push(e.shadowRoot);
  const all = what => roots.flatMap(r => [...r.querySelectorAll(what)]);
  const cards = all(".card, .legend, .plot, .head").map(e => [e, e.getBoundingClientRect()]);
  const found = [];
  for (const [a, p] of cards)
    for (const [b, q] of cards)
      if (a !== b && !a.contains(b) && !b.contains(a) && p.left < q.right - 1 && q.left < p.right - 1
          && p.top < q.bottom - 1 && q.top < p.bottom - 1)
        found.push(a.textContent.slice(0, 30) + " | " + b.textContent.slice(0, 30));
  for (const card of all(".card"))
    if (card.scrollWidth > card.clientWidth + 1) found.push("too wide: " + card.textContent.slice(0, 40));
  if (document.documentElement.scrollWidth > window.innerWidth) found.push("the page is too wide");
  return found;
}"""
"""What lies over another part of the page, or reaches out of its own."""


@pytest.mark.parametrize("jobs", [0, 3, 1000])
def test_it_can_be_read_on_a_laptop_and_a_wall_by_day_and_by_night(jobs: int, tmp_path: Path) -> None:
    browser()
    from playwright.async_api import async_playwright

    async def run() -> None:
        pool = page_pools.pool_with(jobs)
        with Ledger(str(tmp_path / "ledger.sqlite")) as ledger:
            for record in page_pools.an_hour_of(pool, utc_now()) if jobs else ():
                ledger.record(record)
            assert ledger.flush()
            async with page_pools.served(pool, ledger) as (url, _), async_playwright() as playwright:
                for size, scheme in (("laptop", "light"), ("wall", "dark")):
                    page = await page_pools.open_page(playwright, url, size, scheme)
                    await page.get_by_text("Who paused for whom").wait_for()
                    assert await page.evaluate(LIES_OVER) == []
                    ground = await page.evaluate(
                        "getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g).map(Number)"
                    )
                    assert (sum(ground) > 380) == (scheme == "light")
                    words = (
                        "No job is open", "Nothing ran in the last hour", "Nothing has been spent",
                        "No job has ended", "Nothing has failed in the last hour", "No unit has paused",
                    )  # fmt: skip
                    for text in words:
                        assert await page.get_by_text(text).count() == (not jobs), text
                    assert await page.locator('a[href^="?job="]').count() == (
                        min(jobs, MOST_JOBS) + (jobs > 0)
                    )
                    if jobs == 1000:
                        await page.get_by_text("and 985 more that are served later").wait_for()
                    await page.context.browser.close()

    asyncio.run(run())


def test_a_job_has_a_page_of_its_own(tmp_path: Path) -> None:
    browser()
    from playwright.async_api import async_playwright

    async def run() -> None:
        pool = page_pools.pool_with(3)
        with Ledger(str(tmp_path / "ledger.sqlite")) as ledger:
            for record in page_pools.an_hour_of(pool, utc_now()):
                ledger.record(record)
            assert ledger.flush()
            async with page_pools.served(pool, ledger) as (url, _), async_playwright() as playwright:
                page = await page_pools.open_page(playwright, url)
                await page.get_by_role("link", name="dailies day 12").click()
                await page.get_by_text("20 %, 8 of 40 outputs made").wait_for()
                await page.get_by_text("5 running, 3 paused").wait_for()
                await page.get_by_text("A009C001").first.wait_for()
                pool.end("A012C001")
                await page.get_by_text("22 %, 9 of 40 outputs made").wait_for()
                await page.get_by_role("link", name="all jobs").click()
                await page.get_by_role("link", name="dailies day 11").click()
                await page.get_by_text("8 ×").wait_for()
                await page.get_by_text("the file is truncated").wait_for()
                await page.get_by_text("The pool no longer keeps what this job made.").wait_for()
                await page.goto(f"{url}?job=<b>nobody</b>")
                await page.get_by_text("The pool and its ledger know no such job.").wait_for()
                await page.context.browser.close()

    asyncio.run(run())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_job_s_page_shows_its_outputs_a_page_of_them_at_a_time(scheme: str, tmp_path: Path) -> None:
    browser()
    from playwright.async_api import async_playwright

    pool = page_pools.pool_with_outputs(tmp_path, 1000, 20)
    (tmp_path / "A001C003.mp4").unlink()  # what somebody has removed has no thumbnail, and that is no error

    async def run() -> None:
        with Ledger(str(tmp_path / "ledger.sqlite")) as ledger:
            for record in page_pools.submitted(pool, utc_now()):
                ledger.record(record)
            assert ledger.flush()
            async with page_pools.served(pool, ledger) as (url, _), async_playwright() as playwright:
                page = await page_pools.open_page(playwright, f"{url}?job=proxies card 7", scheme=scheme)
                complaints: list[Any] = []
                page.on("pageerror", lambda error: complaints.append(error))
                page.on(
                    "console",
                    lambda message: complaints.append(message.text) if message.type == "error" else None,
                )
                await page.get_by_text("Outputs 1 to 48 of 1000").wait_for()
                await page.get_by_text(str(tmp_path / "A001C001.mp4")).wait_for()
                await page.get_by_text("A001C005.mp4: cannot be read after frame 1180").wait_for()
                await page_pools.show_thumbnails(page, 18)
                assert await page.evaluate(LIES_OVER) == []
                pool.end("A002C001.mp4", value=dumps({"frames": 9}))
                await page.get_by_text("{'frames': 9}").wait_for()
                await page.get_by_role("link", name="last").click()
                await page.get_by_text("Outputs 961 to 1000 of 1000").wait_for()
                await page.get_by_text("40 are not planned").wait_for()
                assert await page.evaluate(LIES_OVER) == []
                await page.get_by_role("link", name="first").click()
                await page.get_by_text("Outputs 1 to 48 of 1000").wait_for()
                await page.get_by_role("link", name="next").click()
                await page.get_by_text("Outputs 49 to 96 of 1000").wait_for()
                await page.goto(f"{url}?job=proxies card 7&from=99999")
                await page.get_by_text("Outputs: there are 1000").wait_for()
                assert not complaints
                await page.context.browser.close()

    asyncio.run(run())


def test_a_thumbnail_is_of_an_output_of_the_pool_and_of_nothing_that_is_asked_for(tmp_path: Path) -> None:
    pool = page_pools.pool_with_outputs(tmp_path, 6, 5)
    own = footage.write_clip(tmp_path / "own.mp4", codec="libx264", frames=3, size=(64, 36))

    async def run() -> None:
        with Ledger(str(tmp_path / "ledger.sqlite")) as ledger:
            async with page_pools.served(pool, ledger) as (url, _):

                async def asked(job: str, output: object) -> HTTPResponse:
                    query = urlencode({"job": job, "output": output})
                    return await AsyncHTTPClient().fetch(f"{url}/thumbnail?{query}", request_timeout=60)

                answer = await asked("proxies card 7", 1)
                assert answer.headers["Content-Type"] == "image/jpeg"
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
                with Image.open(BytesIO(answer.body)) as shown:
                    assert shown.size == (320, 180)
                    assert footage.read_number(np.asarray(shown)) == 4, "the middle of nine frames"
                nothing = [
                    ("proxies card 7", 4),  # it failed
                    ("proxies card 7", 5),  # it is under way
                    ("proxies card 7", 6),
                    ("proxies card 7", -1),
                    ("proxies card 7", "1/../../own.mp4"),
                    ("proxies card 7", own),
                    (str(own), 0),
                    ("", ""),
                ]
                for job, output in nothing:
                    assert ((await asked(job, output)).code, job, output) == (204, job, output)

    asyncio.run(run())


def test_outputs_are_told_as_far_as_they_are_planned(tmp_path: Path) -> None:
    pool = PlainPool(workers=2, now=Now.read())
    job = pool.submit("j", [("a", "b"), "c", "d", "e"], priority="background", frames=10)
    pool.end("a")
    pool.frames("b", 5)
    pool.fail("c", "c: no such codec")
    pool.submit("urgent", ["urgent"], priority="urgent")
    pool.checkpoint()
    told = Outputs(pool.state).listed(job)
    assert [(each.name, each.state, each.error) for each in told] == [
        ("a+b", "running", ""),
        ("c", "failed", "c: no such codec"),
        ("d", "paused", ""),
        ("e", "waiting", ""),
    ]
    assert [each.fraction for each in told] == [0.5, 0.0, 0.0, 0.0], (
        "one unit of two, half of the other, joining"
    )
    pool.cancel("j")
    assert [each.state for each in Outputs(pool.state).listed(job)] == [
        "cancelled",
        "failed",
        "cancelled",
        "cancelled",
    ]


def test_a_thumbnail_that_could_not_be_made_is_tried_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = page_pools.pool_with_outputs(tmp_path, 2, 1)
    job = pool.state.job("proxies card 7")
    output, aside = tmp_path / "A001C001.mp4", tmp_path / "aside.mp4"
    output.rename(aside)

    async def run() -> None:
        outputs = Outputs(pool.state)
        await outputs.read(job)
        assert await outputs.picture(job.id, 0) is None
        aside.rename(output)
        assert await outputs.picture(job.id, 0) is None
        assert not outputs.listed(job)[0].has_picture
        monkeypatch.setattr("mediadask.pool.view.outputs._AGAIN_SECONDS", 0.0)
        assert outputs.listed(job)[0].has_picture
        assert await outputs.picture(job.id, 0) is not None
        output.unlink()
        assert await outputs.picture(job.id, 0) is not None, "it is kept"

    asyncio.run(run())


def test_a_graph_is_one_output() -> None:
    pool = PlainPool()
    job = pool.submit_graph("mean")
    pool.happens(ev.GraphChanged("mean", tasks=4, done=1, running=1, queued=2, demand=2))
    (told,) = Outputs(pool.state).listed(job)
    assert (told.name, told.state, told.fraction) == ("mean", "running", 0.25)
    pool.happens(ev.GraphEnded("mean", dumps(np.zeros(1_000_000))))
    (told,) = Outputs(pool.state).listed(job)
    assert (told.state, told.text) == ("done", "a result of 8.0 MB")


class Marked:
    """A result that tells where it was unpickled, and asked to show itself."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> Any:
        return marked, (self.place,)

    def _repr_jpeg_(self) -> None:
        os._exit(1)  # as a decoder crashes


def marked(place: Path) -> Marked:
    place.write_text(str(os.getpid()))
    return Marked(place)


def test_what_units_return_is_read_in_a_process_apart_and_may_crash_that(tmp_path: Path) -> None:
    pool = PlainPool(workers=1, now=Now.read())
    job = pool.submit("j", ["strange", "plain", "large"])
    pool.end("strange", value=dumps(Marked(tmp_path / "pid")))
    pool.end("plain", value=dumps(tmp_path / "here.txt"))
    pool.end("large", value=dumps(b"x" * 300_000))

    async def run() -> None:
        outputs = Outputs(pool.state)
        assert [each.text for each in outputs.listed(job)] == ["", "", "a result of 0.3 MB"]
        await outputs.read(job)
        strange, plain, _ = outputs.listed(job)
        assert int((tmp_path / "pid").read_text()) != os.getpid()
        assert strange.has_picture
        assert plain.paths == (str(tmp_path / "here.txt"),)
        assert await outputs.picture("j", 0) is None
        assert not outputs.listed(job)[0].has_picture
        assert await outputs.picture("j", 1) is None

    asyncio.run(run())


def test_a_page_that_nobody_looks_at_costs_nothing_and_one_describes_few_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = page_pools.pool_with(1000)
    described = Mock(side_effect=DeliveryJob.description)
    monkeypatch.setattr(DeliveryJob, "description", lambda job, now: described(job, now))

    async def run() -> None:
        with Ledger(str(tmp_path / "ledger.sqlite")) as ledger:
            async with page_pools.served(pool, ledger) as (_, view):
                expected = Mock(side_effect=view.scaler.expected_seconds)
                monkeypatch.setattr(view.scaler, "expected_seconds", expected)
                for _ in range(3):
                    await view.scaler.look()
                assert not described.called
                assert not expected.called
                page = PoolPage(view)
                page.update()
                assert described.call_count == MOST_JOBS

    asyncio.run(run())


@pytest.mark.parametrize("host", ["10.244.0.7:8787", "127.0.0.1:8787", "localhost:8787"])
def test_other_machines_get_health_and_metrics_whatever_host_they_name(host: str) -> None:
    """As in a pod, whose network reaches all that it serves. `Host` is for whoever asks to say."""
    application = Application([("/(.*)", RequestHandler)])
    guard(application)

    def is_answered(path: str, address: str) -> bool:
        request = HTTPServerRequest("GET", path, headers=HTTPHeaders({"Host": host}), connection=Mock())
        request.remote_ip = address
        delegate = application.find_handler(request)
        return "_Refusal" not in delegate.handler_class.__name__

    others = {path: is_answered(path, "10.244.0.1") for path in ("/health", "/metrics", "/status", "/info")}
    assert others == {"/health": True, "/metrics": True, "/status": False, "/info": False}
    assert not is_answered("/metrics/x", "::ffff:10.244.0.1")
    if "10.244" not in host:
        assert is_answered("/status", "127.0.0.1")
        assert is_answered("/status", "::1")


def test_a_scheduler_is_ready_when_it_is_a_pool(tmp_path: Path) -> None:
    """Its ledger may not open: who waits for it shall not use it before."""

    async def answer(scheduler: Scheduler) -> int:
        url = f"http://{here(scheduler)}/ready"
        return (await AsyncHTTPClient().fetch(url, raise_error=False)).code

    async def run() -> None:
        how = {"host": "127.0.0.1", "port": 0, "dashboard_address": "127.0.0.1:0"}
        async with Scheduler(**how) as scheduler:
            await dask_setup(scheduler)
            assert await answer(scheduler) == 503
            await scheduler.register_scheduler_plugin(PoolPlugin(), name=PoolPlugin.name, idempotent=True)
            assert await answer(scheduler) == 200

    asyncio.run(run())

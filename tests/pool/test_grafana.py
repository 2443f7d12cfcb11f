"""Grafana's dashboard against a real Prometheus that scrapes a real pool: its queries find something."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
import yaml
from tornado.httpclient import AsyncHTTPClient

from tests.pool.test_dashboard import here, opened

if TYPE_CHECKING:
    from collections.abc import Iterator

DASHBOARD = json.loads((Path(__file__).parents[2] / "clusters" / "grafana.json").read_text())
QUERIES = {
    f"{panel['title']} {target['refId']}": target["expr"]
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
}


FULL = {"local": "0/8 nodes are available: 8 Insufficient cpu"}


@contextmanager
def prometheus(folder: Path, target: str) -> Iterator[str]:
    """The address of a server that scrapes `target` each second."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    scrape = {"job_name": "mediadask", "static_configs": [{"targets": [target]}]}
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": [scrape]}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log
        )
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait()


async def answer(server: str, query: str) -> list[dict[str, Any]]:
    asked = f"{server}/api/v1/query?{urlencode({'query': query.replace('$instance', '.*')})}"
    try:
        told = await AsyncHTTPClient().fetch(asked, raise_error=False)
    except ConnectionRefusedError:
        return []
    if told.code == 503:  # it is starting
        return []
    content = json.loads(told.body)
    assert content["status"] == "success", f"{query}: {content}"
    found: list[dict[str, Any]] = content["data"]["result"]
    return found


@pytest.mark.skipif(not shutil.which("prometheus"), reason="NO PROMETHEUS: apt-get install prometheus")
def test_each_query_of_the_dashboard_finds_something(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with opened(tmp_path) as (scheduler, view, _):
            monkeypatch.setattr(
                view.scaler, "troubles", lambda: FULL
            )  # as the actuator of a full cluster says
            with prometheus(tmp_path, here(scheduler)) as server:
                found: dict[str, list[dict[str, Any]]] = {}
                async with asyncio.timeout(60):
                    while len(found) < len(QUERIES):
                        for name in QUERIES.keys() - found.keys():
                            if result := await answer(server, QUERIES[name]):
                                found[name] = result
                        await asyncio.sleep(0.2)
            [share] = found["Turnaround against target A"]
            assert share["metric"]["priority"] == "urgent"
            assert float(share["value"][1]) == 600 / 900
            [why] = found["Why they do not come A"]
            assert why["metric"]["why"] == FULL["local"]
            spent = {each["metric"]["show"]: float(each["value"][1]) for each in found["Spend by show A"]}
            assert spent["SHOW_A"] == 2.0

    asyncio.run(run())


def test_the_dashboard_is_one_that_grafana_imports() -> None:
    assert DASHBOARD["schemaVersion"] >= 39
    assert [variable["name"] for variable in DASHBOARD["templating"]["list"]] == ["datasource", "instance"]
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    for panel in DASHBOARD["panels"]:
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24

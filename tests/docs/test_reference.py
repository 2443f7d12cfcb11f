"""The pages of the reference hold all that there is: names, commands, settings, metrics, tables, errors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

import mediadask
from mediadask import errors
from mediadask.pool import config
from mediadask.pool.kubernetes import spec
from reference_pages import GENERATED, filled
from reference_pages.commands import all_commands
from reference_pages.links import PAGES, relinked
from reference_pages.metrics import all_metrics
from reference_pages.settings import all_settings
from reference_pages.tables import all_tables

if TYPE_CHECKING:
    from pydantic import BaseModel

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def test_all_public_names_have_a_page() -> None:
    listed = re.findall(r"^   (\w+)$", (DOCS / "reference" / "api.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(mediadask.__all__)


def test_all_commands_have_a_section_with_all_that_they_take() -> None:
    sections = dict(
        re.findall(r"^## ([\w ]+)\n(.*?)(?=^## |\Z)", GENERATED["commands"](), re.MULTILINE | re.DOTALL)
    )
    for path, command, context in all_commands():
        for each in command.get_params(context):
            if each.param_type_name == "option" and each.name != "help" and not each.hidden:
                assert each.opts[-1] in sections[path]
    assert {"mediadask pull", "mediadask pool up", "mediadask ledger prune"} <= set(sections)


def test_a_group_that_is_added_gets_its_sections(monkeypatch: pytest.MonkeyPatch) -> None:
    import typer

    from reference_pages import commands

    app, group = typer.Typer(), typer.Typer()
    app.add_typer(group, name="more")

    @group.command()
    def things(count: int = 3) -> None:
        """Make *things*."""

    @group.command()
    def others() -> None:
        """Make others."""

    monkeypatch.setattr(commands, "app", app)
    page = GENERATED["commands"]()
    assert "## mediadask more things\n\nMake \\*things\\*." in page
    assert "[default: 3\\]" in page


@pytest.mark.parametrize("model", [config.PoolConfig, spec.Kubernetes, spec.Pods])
def test_every_setting_says_what_it_means(model: type[BaseModel]) -> None:
    settings = list(all_settings(model, "here", {}))
    assert not [f"{each.section}.{each.key}" for each in settings if not each.meaning]
    assert {name.replace("_", "-") for name in model.model_fields} <= {
        each.key for each in settings if each.section == "here"
    }


def test_defaults_are_those_of_the_file() -> None:
    defaults = yaml.safe_load(Path(config.__file__).with_name("mediadask.yaml").read_text())["mediadask"]
    told = {each.key: each for each in all_settings(config.PoolConfig, "mediadask", defaults)}
    assert [told[key].default for key in ("grace", "retries", "default-class")] == [
        "`60s`",
        "`3`",
        "`normal`",
    ]
    assert (told["startup"].form, told["startup"].default) == ("duration", "`60s`")
    assert told["action"].form == "`warn`, `background`, `hold`"


def test_all_variables_of_the_environment_are_told() -> None:
    page = (DOCS / "reference" / "configuration.md").read_text()
    code = "".join(path.read_text() for path in (ROOT / "mediadask").rglob("*.py"))
    used = set(re.findall(r"""["'](MEDIADASK_[A-Z_]+)["']""", code))
    assert used
    assert {name for name in used if f"| `{name}` |" not in page} == set()


def test_all_columns_of_the_ledger_say_what_they_hold() -> None:
    assert not [
        f"{table.name}.{each.name}" for table in all_tables() for each in table.columns if not each.doc
    ]
    assert len(re.findall(r"^## ", GENERATED["tables"](), re.MULTILINE)) == len(all_tables())


def test_all_errors_are_listed() -> None:
    listed = re.findall(r"^\| \[\]\(#mediadask\.(\w+)\)", GENERATED["errors"](), re.MULTILINE)
    assert listed == errors.__all__


def test_all_metrics_are_listed_as_prometheus_sees_them() -> None:
    found = {name: (kind, labels) for name, kind, labels, _ in all_metrics()}
    assert found["mediadask_attempts_total"] == ("counter", ("outcome",))
    assert found["mediadask_workers"] == ("gauge", ("tier", "state"))
    dashboard = (ROOT / "clusters" / "grafana.json").read_text()
    assert set(re.findall(r"mediadask_\w+", dashboard)) <= set(found)


def test_links_of_files_lead_to_their_pages() -> None:
    readme, page = ROOT / "README.md", DOCS / "getting-started.md"
    text = "[a](docs/plates.md#names) [b](SECURITY.md) [c](clusters/local.yaml) [d](https://a.b/c)"
    assert relinked(text, readme, page) == (
        "[a](plates.md#names) [b](explanation/security.md) [c](../clusters/local.yaml) [d](https://a.b/c)"
    )


@pytest.mark.parametrize(("file", "name"), PAGES.items())
def test_files_of_the_repository_are_pages(file: str, name: str) -> None:
    page = DOCS / name
    title = (ROOT / file).read_text().partition("\n")[0]
    assert filled(page.read_text(), page).startswith(title)

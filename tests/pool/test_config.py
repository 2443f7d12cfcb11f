"""Settings come from dask.config, are validated, and a wrong key is refused with the nearest right one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dask.config
import pytest
import yaml

from mediadask.errors import InvalidRequest
from mediadask.pool.config import Budget, load_config


def test_defaults_are_valid_and_ordered():
    config = load_config()
    assert config.class_names == ("urgent", "normal", "background")
    assert config.classes["urgent"].target_turnaround == 900
    assert config.tiers["local"].limit >= 1


def test_the_environment_overrides_a_nested_setting():
    line = "from mediadask.pool.config import load_config as l; c = l(); " + (
        "print(c.classes['urgent'].target_turnaround, c.tiers['local'].price_per_hour, c.grace)"
    )
    told = subprocess.run(
        [sys.executable, "-c", line],
        env={
            "DASK_MEDIADASK__CLASSES__URGENT__TARGET_TURNAROUND": "5min",
            "DASK_MEDIADASK__TIERS__LOCAL__PRICE_PER_HOUR": "0.25",
            "DASK_MEDIADASK__GRACE": "10s",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == ["300.0", "0.25", "10.0"]


def test_a_budget_from_the_environment_is_of_its_show_in_upper_case():
    line = "from mediadask.pool.config import load_config as l; c = l(); " + (
        "print(c.budgets[c.budgeted('AGM')].amount, c.budgeted('OTHER'))"
    )
    told = subprocess.run(
        [sys.executable, "-c", line],
        env={"DASK_MEDIADASK__BUDGETS__AGM__AMOUNT": "5"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == ["5.0", "None"]


def test_dask_watches_itself_less_closely_unless_told_to():
    setting = "distributed.worker.profile.interval"
    asks = f"import dask.config, mediadask.pool.pool; print(dask.config.get('{setting}'))"
    for said, found in (({}, "100ms"), ({"DASK_DISTRIBUTED__WORKER__PROFILE__INTERVAL": "7ms"}, "7ms")):
        done = subprocess.run(
            [sys.executable, "-c", asks], env=said, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == found


def test_dask_config_adds_tiers_classes_and_budgets():
    with dask.config.set(
        {
            "mediadask.tiers.spot": {"kind": "on-demand", "price_per_hour": 0.4, "threads": 8},
            "mediadask.classes.background": None,
            "mediadask.budgets.SHOW_1": {"amount": 100, "action": "hold"},
        }
    ):
        config = load_config()
    assert config.tiers["spot"].price_per_thread_second == pytest.approx(0.4 / 3600 / 8)
    assert config.class_names == ("urgent", "normal")
    assert config.budgets["SHOW_1"].state(100) == "hold"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"clases": {}}, "mediadask.clases: no such setting; did you mean classes?"),
        (
            {"tiers": {"local": {"price-per-our": 1}}},
            "mediadask.tiers.local.price-per-our: no such setting; did you mean price-per-hour?",
        ),
        (
            {"classes": {"urgent": {"zzz": 1}}},
            "mediadask.classes.urgent.zzz: no such setting; known are order, target-turnaround",
        ),
        (
            {"budgets": {"AGM": {"amount": 1}, "agm": {"amount": 2}}},
            "mediadask: budgets of one show twice, upper and lower case being alike: AGM, agm",
        ),
        (
            {"budgets": {"S": {"amount": -1}}},
            "mediadask.budgets.S.amount: input should be greater than or equal to 0; it is -1",
        ),
        ({"tiers": {"x": {"kind": "rented"}}}, "mediadask.tiers.x.kind: input should be 'reserved', "),
        ({"tiers": {"local": {"warm": "four"}}}, "warm: 'four' is not of the form `4 for 10min`"),
        ({"tiers": {"local": {"warm": "4 for ever"}}}, "warm: 'ever' is not a duration such as 90s"),
        (
            {"tiers": {"x": {"kind": "joins", "price-per-hour": 1, "minimum": 1}}},
            "mediadask.tiers.x: nobody keeps workers that join by themselves: leave out minimum and warm",
        ),
        ({"tiers": {"local": {"minimum": 4, "maximum": 2}}}, "minimum 4 is above maximum 2"),
        ({"default-class": "urgnt"}, "default-class 'urgnt' is not one of"),
        ({"classes": {"rush": {"order": 0, "target-turnaround": 60}}}, "two classes have the same order"),
        ({"grace": "soon"}, "mediadask.grace: 'soon' is not a duration such as 90s, 15min or 2h"),
        ({"classes": None}, "mediadask.classes: should be a section of settings; it is None"),
        ({"classes": {"urgent": 5}}, "mediadask.classes.urgent: should be a section of settings; it is 5"),
        ({"tiers": {"local": None}}, "mediadask.tiers: should have at least one entry"),
        ({"grace": float("nan")}, "mediadask.grace: "),
    ],
)
def test_what_is_wrong_is_refused_in_one_line(overrides, message):
    with pytest.raises(InvalidRequest) as refused:
        load_config(overrides)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mediadask: {tiers: {local: null, house: {kind: local, price-per-hour: 2}}}", "house"),
        ("mediadask: {default_class: urgent}", "local"),
        ("mediadask:", "local"),
        ("mediadask: {tiers: }", "local"),
        ("mediadask: 3", "mediadask: is no section of settings; it is 3"),
        ("mediadask: {tiers: [house]}", "mediadask.tiers: should be a section of settings; it is ['house']"),
        ("mediadask: {tiers: {local: 2}}", "mediadask.tiers.local: should be a section of settings; it is 2"),
        ("mediadask: {seconds_per_frame: 3}", "mediadask.seconds-per-frame: should be a section of settings"),
        ("mediadask: {tiers: {house: {kind: local, price-per-hour: -1}}}", "price-per-hour: input should be"),
    ],
)
def test_a_file_of_dask_config_says_what_it_says(text: str, said: str, tmp_path: Path):
    (tmp_path / "house.yaml").write_text(text)
    asks = (
        "from mediadask.errors import InvalidRequest\n"
        "from mediadask.pool.config import load_config\n"
        "try: print(*load_config().tiers)\n"
        "except InvalidRequest as error: print(error)"
    )
    environment = {**os.environ, "DASK_CONFIG": str(tmp_path)}
    told = subprocess.run(
        [sys.executable, "-c", asks], env=environment, capture_output=True, text=True, check=True
    )
    if ":" in said:
        assert said in told.stdout
    else:
        assert told.stdout == f"{said}\n"
    assert told.stdout.count("\n") == 1


def test_an_unknown_class_is_refused_with_the_nearest():
    with pytest.raises(InvalidRequest, match=r"no priority class 'urgnet'; did you mean urgent\?"):
        load_config().class_named("urgnet")
    assert load_config().class_named(None) == "normal"


def test_workers_belong_to_the_tier_their_name_starts_with():
    more = {name: {"kind": "on-demand", "price-per-hour": 1} for name in ("spot", "spot-large")}
    config = load_config({"tiers": more})
    assert config.tier_of("spot-17") == "spot"
    assert config.tier_of("spot-large-3") == "spot-large"
    assert config.tier_of("someone's") == "local"


def test_a_budget_warns_before_it_bites():
    budget = Budget(amount=100, action="background")
    assert [budget.state(spent) for spent in (0, 79, 80, 99.9, 100)] == [
        "ok",
        "ok",
        "warn",
        "warn",
        "background",
    ]


def test_the_spec_of_a_local_pool_is_valid():
    spec = Path(__file__).parents[2] / "clusters" / "local.yaml"
    assert load_config(yaml.safe_load(spec.read_text())["mediadask"]).tiers

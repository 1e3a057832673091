"""What deploy/monitoring names exists: a running hub has each metric of the dashboard and of the rules, and the rules hold."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

DIRECTORY = Path(settings.BASE_DIR) / "deploy" / "monitoring"
NAME = re.compile(r"\bhub_[a-z_]+")
SUFFIXES = ("_bucket", "_sum", "_count")


def expressions() -> list[str]:
    board = json.loads((DIRECTORY / "dashboard.json").read_text())
    rules = re.findall(r"^ +expr: (.*)$", (DIRECTORY / "alerts.yml").read_text(), re.MULTILINE)
    return [target["expr"] for panel in board["panels"] for target in panel["targets"]] + rules


@pytest.fixture
def described(hub) -> set[str]:
    """The names of all metrics of a running hub."""
    return set(re.findall(r"^# TYPE (\S+) ", hub.get("/metrics").text, re.MULTILINE))


def test_the_dashboard_and_the_rules_name_metrics_of_the_hub(described) -> None:
    named = {name for expression in expressions() for name in NAME.findall(expression)}
    assert len(named) > 20
    assert {name for name in named if name not in described and _without_suffix(name) not in described} == set()


def test_every_metric_of_the_hub_is_in_the_documentation_and_on_the_dashboard(described) -> None:
    own = {name for name in described if name.startswith("hub_") and not name.endswith("_created")}
    text = (Path(settings.BASE_DIR) / "docs" / "monitoring.md").read_text()
    assert {name for name in own if f"`{name}`" not in text} == set()
    shown = {_without_suffix(name) for expression in expressions() for name in NAME.findall(expression)}
    assert own - shown == set()


def test_panels_do_not_overlap_and_fit_the_page() -> None:
    places = [panel["gridPos"] for panel in json.loads((DIRECTORY / "dashboard.json").read_text())["panels"]]
    cells = [(x, y) for at in places for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_the_rules_hold() -> None:
    promtool = shutil.which("promtool")
    assert promtool, "promtool is missing: sudo apt-get install prometheus"
    for command in (["check", "config", "prometheus.yml"], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run([promtool, *command], cwd=DIRECTORY, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_has_a_test_in_which_it_fires() -> None:
    rules = set(re.findall(r"- alert: (\w+)", (DIRECTORY / "alerts.yml").read_text()))
    fires = set(re.findall(r'alertname(?:=|: )"?(\w+)', (DIRECTORY / "alerts_test.yml").read_text()))
    assert rules == fires


def _without_suffix(name: str) -> str:
    suffix = next((suffix for suffix in SUFFIXES if name.endswith(suffix)), "")
    return name.removesuffix(suffix)

"""The alerting rules, run by a real promtool over made-up days."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from authsvc.ops.metrics import METRICS
from tests.watching.prometheus import ROOT, promtool

RULES = ROOT / "helm" / "alerts" / "authsvc.yaml"
CASES = Path(__file__).with_name("alerts.yaml")
ALERTS = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
NAMES = [rule["alert"] for rule in ALERTS]


def cases(rules: Path, folder: Path) -> Path:
    """Write the cases so that they run over these rules; promtool looks for rules beside the cases."""
    document = yaml.safe_load(CASES.read_text())
    document["rule_files"] = [str(rules)]
    written = folder / "cases.yaml"
    written.write_text(yaml.safe_dump(document))
    return written


def test_the_rules_are_rules():
    done = promtool("check", "rules", RULES)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(ALERTS)} rules found" in done.stdout


def test_each_fires_when_it_should_and_none_on_good_days(tmp_path):
    done = promtool("test", "rules", cases(RULES, tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("expression", ["vector(1)", "vector(1) < 0"])
def test_an_alert_that_always_or_never_fires_would_be_seen(expression, tmp_path):
    document = yaml.safe_load(RULES.read_text())
    for group in document["groups"]:
        for rule in group["rules"]:
            rule |= {"expr": expression, "for": "0m"}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(document))

    done = promtool("test", "rules", cases(tmp_path / "rules.yaml", tmp_path))

    assert set(re.findall(r"alertname: ?(\w+)", done.stdout + done.stderr)) == set(NAMES)


@pytest.mark.parametrize("rule", ALERTS, ids=NAMES)
def test_an_alert_rests_on_metrics_there_are_and_tells_what_to_do(rule):
    ours = {metric.name for metric in METRICS}
    used = {re.sub(r"_(bucket|count|sum)$", "", name) for name in re.findall(r"authsvc_\w+", rule["expr"])}
    assert used
    assert used <= ours
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"].keys() == {"summary", "description"}

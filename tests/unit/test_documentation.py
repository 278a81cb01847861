"""What is documented is what is there."""

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from authsvc.cli.settings import settings_table
from authsvc.faces.callers import Callers, token_digest
from authsvc.faces.forward_auth.identity import HEADERS
from authsvc.faces.registry import OPTIONS
from bench.plans import figures, plans

ROOT = Path(__file__).parents[2]
STORES = sorted((ROOT / "docs" / "stores").glob("*.md"))


def test_the_plans_are_those_computed_from_what_was_measured():
    page = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    assert f"<!-- plans: begin -->\n{plans()}\n<!-- plans: end -->" in page, "run `python -m bench.plans`"
    assert f"<!-- figures: begin -->\n```\n{figures()}\n```\n<!-- figures: end -->" in page


def test_the_settings_table_is_the_generated_one():
    page = (ROOT / "docs" / "operations.md").read_text()
    shown = re.search(r"<!-- settings: begin -->\n(.*?)\n<!-- settings: end -->", page, re.DOTALL)

    assert shown is not None
    assert shown[1] == settings_table(), "run `authsvc settings` and put its table there"


def test_links_between_the_documents_lead_somewhere():
    broken = []
    folders = ("docs", "helm", "examples")
    for page in [*ROOT.glob("*.md"), *(page for name in folders for page in (ROOT / name).rglob("*.md"))]:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
            if not target.startswith(("http:", "https:", "mailto:")) and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")

    assert broken == []


def test_every_attack_in_the_threat_model_has_its_test_and_every_test_its_row():
    page = (ROOT / "docs" / "threat-model.md").read_text()
    tests = {path.stem: path.read_text() for path in (ROOT / "tests" / "attacks").glob("test_*.py")}
    documented = {
        (int(row), name)
        for row, names in re.findall(r"^\| (\d\d) \|.*\| ([^|]*) \|$", page, re.MULTILINE)
        for name in re.findall(r"test_\w+", names)
    }
    proven = {
        (int(row), name)
        for name, text in tests.items()
        for row in re.findall(r"called\(\s*(\d+),", text)
        if row != "0"
    }

    assert documented == proven
    assert {row for row, _ in documented} == set(range(1, 37))


def blocks(page, *languages):
    """Return the code a page shows in one of the languages."""
    found = re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return [code for language, code in found if language in languages]


def test_the_entries_for_the_callers_file_can_be_read():
    shown = {page.stem: entry for page in STORES for entry in blocks(page, "toml")}
    assert {"nginx", "caddy", "haproxy", "envoy", "scality", "versitygw", "minio"} <= shown.keys()
    for name, entry in shown.items():
        parsed = Callers.parse(entry.replace("…", token_digest(name)), OPTIONS)
        assert parsed.all, name


def test_no_page_lets_a_request_through_when_nobody_could_be_asked():
    """Whatever a gateway calls it: to be lenient about a failure opens every bucket while we are away."""
    shown = "\n".join(
        code for page in STORES for code in blocks(page, "yaml", "json", "nginx", "haproxy", "lua")
    )
    assert set(re.findall(r"failure_mode_allow\W+(\w+)", shown)) == {"false"}
    assert set(re.findall(r"status_on_error\W+(?:code: )?(\w+)", shown)) == {"ServiceUnavailable", "503"}
    assert set(re.findall(r"allow_degradation\W+(\w+)", shown)) == {"false"}
    assert set(re.findall(r"trustForwardHeader\W+(\w+)", shown)) == {"false"}


def test_a_gateway_copies_the_whole_identity():
    for name in ("nginx", "caddy", "haproxy", "traefik", "apisix"):
        code = "\n".join(
            blocks(ROOT / "docs" / "stores" / f"{name}.md", "nginx", "caddyfile", "lua", "yaml", "json")
        )
        missing = [header for header in HEADERS if header.lower() not in code.lower()]
        assert missing == [], name


@pytest.mark.parametrize("page", STORES, ids=lambda page: page.stem)
def test_what_a_page_shows_is_well_formed(page):
    for code in blocks(page, "json"):
        json.loads(code)
    for code in blocks(page, "yaml"):
        yaml.safe_load(code)
    for code in blocks(page, "toml"):
        tomllib.loads(code)

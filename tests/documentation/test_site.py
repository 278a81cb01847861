"""The documentation as a site: it builds without a warning, fetches nothing, and has a page for everything there is."""

from __future__ import annotations

import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import click
import pytest

from authsvc.cli.main import whole
from authsvc.faces.native.openapi import document
from docs._site.refusals import codes, tree

ROOT = Path(__file__).parents[2]
FETCHING = re.compile(
    r"<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=\"?(https?:)?//", re.IGNORECASE
)
# What aiohttp itself refuses, and CloudStack's word for a bad parameter, which are in no dialect's table.
BESIDE_THE_DIALECTS = {
    "BadRequest",
    "ExpectationFailed",
    "InternalError",
    "INTERNAL_ERROR",
    "MethodNotAllowed",
    "NotFound",
    "PARAM_ERROR",
    "RequestEntityTooLarge",
    "RequestTimeout",
    "UnsupportedMediaType",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build it; a warning, such as of a link or an anchor that leads nowhere, is an error (`strict`)."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--site-dir", folder],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return folder


def text(site, name):
    return unescape(re.sub(r"<[^>]+>", "", (site / name).read_text(encoding="utf-8")))


def test_every_page_of_the_tree_is_a_page_of_the_site(site):
    pages = {
        path.relative_to(ROOT / "docs").with_suffix(".html").as_posix().replace("README.html", "index.html")
        for path in (ROOT / "docs").rglob("*.md")
    }
    built = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert pages <= built
    assert built - pages == {"404.html", "changelog.html", "chart.html"}


def test_nothing_is_fetched_to_read_it(site):
    fetched = [
        (path.name, found[0])
        for path in site.rglob("*.html")
        for found in FETCHING.finditer(path.read_text(encoding="utf-8"))
    ]
    sheets = [
        path.name for path in site.rglob("*.css") if re.search(r"url\(\W?(https?:)?//", path.read_text())
    ]
    assert fetched == []
    assert sheets == []


@pytest.mark.parametrize("line", ['<script src="https://cdn/x.js">', '<link rel=x href="//fonts/x.css">'])
def test_a_page_that_fetches_would_be_seen(line):
    assert FETCHING.search(line)


def entries():
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    return re.findall(r"^### `([^`]+)`$", page, re.MULTILINE)


def test_every_code_an_answer_can_hold_has_an_entry_and_nothing_else_has():
    assert set(entries()) == codes() | BESIDE_THE_DIALECTS
    assert len(entries()) == len(set(entries()))


def test_every_entry_says_who_says_so(site):
    page = text(site, "troubleshooting.html")
    assert "s3, 403: UnknownAccessKey." in page
    assert "ec2, 400: TimeSkewed, Expired." in page


def test_every_error_is_in_the_table(site):
    page = text(site, "troubleshooting.html")
    missing = [kind.__name__ for _, kind in tree() if kind.__name__ not in page]
    assert missing == []


REASONS = {
    "user-disabled",
    "user-locked",
    "account-disabled",
    "account-locked",
    "domain-inactive",
    "api-key-access-disabled",
    "key-not-yet-valid",
    "key-expired",
    "key-restricted",
    "ambiguous-access-key",
}


def test_every_reason_of_a_switched_off_account_is_told():
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    source = (ROOT / "authsvc" / "service" / "policy.py").read_text(encoding="utf-8")
    coded = set(re.findall(r'"((?:key|domain|api-key|ambiguous)-[a-z-]+)"', source))
    assert coded <= REASONS
    assert [reason for reason in sorted(REASONS) if f"`{reason}`" not in page] == []


def commands(group, *before):
    for name, each in group.commands.items():
        yield " ".join((*before, name))
        if isinstance(each, click.Group):
            yield from commands(each, *before, name)


def test_every_command_is_told(site):
    page = text(site, "cli.html")
    assert [name for name in commands(whole(), "authsvc") if f"Usage: {name}" not in page] == []
    assert "-h, --help" in page


def test_every_path_and_schema_of_the_interface_is_told(site):
    page = text(site, "api.html")
    described = document()
    assert [path for path in described["paths"] if path not in page] == []
    assert [name for name in described["components"]["schemas"] if name not in page] == []

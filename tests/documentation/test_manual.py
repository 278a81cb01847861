"""The manual page: made from the commands and settings there are, and one that roff's own critic has nothing against."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import click
import pytest

from authsvc.cli.main import whole
from authsvc.settings import PREFIX, Settings
from tests.documentation.test_site import commands
from tests.processes import find_program, server_environment

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "man" / "authsvc.1"
UNPACKED = ROOT / ".cache" / "shells"


def mandoc(*words, page=PAGE):
    unpacked = str(UNPACKED) if UNPACKED.exists() else None
    return subprocess.run(
        [find_program("mandoc", unpacked=unpacked), *words, page],
        capture_output=True,
        text=True,
        check=False,
        env=server_environment(unpacked) if unpacked else None,
    )


@pytest.fixture(scope="module")
def shown():
    """The page as a terminal shows it, on lines long enough that nothing is broken."""
    return mandoc("-Tutf8", "-Owidth=1000").stdout.replace("\b", "")


def test_it_is_the_generated_one():
    done = subprocess.run(
        [sys.executable, ROOT / ".ci" / "man", "--check"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_is_wrong_with_it():
    done = mandoc("-Tlint", "-Wwarning")
    assert (done.returncode, done.stdout) == (0, "")


def test_something_wrong_would_be_seen(tmp_path):
    spoilt = tmp_path / "authsvc.1"
    spoilt.write_text(
        PAGE.read_text(encoding="utf-8").replace(".SH COMMANDS", ".XX COMMANDS"), encoding="utf-8"
    )
    assert "unknown macro" in mandoc("-Tlint", "-Wwarning", page=spoilt).stdout


def test_it_has_what_a_manual_page_has():
    heads = [
        line.removeprefix(".SH ")
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith(".SH ")
    ]
    assert heads == ["NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "ENVIRONMENT", "EXIT STATUS", "SEE ALSO"]


def test_it_tells_of_every_command_option_and_setting():
    text = PAGE.read_text(encoding="utf-8").replace("\\-", "-")
    leaves = [name for name in commands(whole(), "authsvc") if not isinstance(found(name), click.Group)]
    assert [name for name in leaves if f".SS {name}\n" not in text] == []
    options = {
        name
        for leaf in leaves
        for option in found(leaf).params
        for name in option.opts
        if name.startswith("--")
    }
    assert [name for name in options - {"--inherited"} if f"{name}" not in text] == []
    assert "--inherited" not in text
    settings = [PREFIX + field.name.upper() for field in dataclasses.fields(Settings)]
    assert [name for name in settings if f".B {name}\n" not in text] == []


def found(name):
    command = whole()
    for word in name.split()[1:]:
        command = command.commands[word]
    return command


def test_what_is_read_is_what_was_written():
    """Escapes of roff's are gone, and nothing that begins with a dot was taken for a command of its."""
    text = mandoc("-Tutf8", "-Owidth=1000").stdout
    while "\b" in text:  # how a terminal prints in bold
        at = text.index("\b")
        text = text[: at - 1] + text[at + 1 :]
    assert (
        "mysql --batch cloudbridge -e 'SELECT AccessKey, CertUniqueId FROM usercredentials' > rows.tsv"
        in text
    )
    assert "AUTHSVC_DATABASE_URL=mysql://authsvc:…@db/cloud authsvc check" in text
    assert "(default: sqlite:///authsvc.db)" in text

"""What a process imports: no more than it needs, as most of its memory is imported code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from authsvc.cli.main import COMMANDS, whole

ROOT = Path(__file__).parents[2]

# A service over CloudStack's database, which need not be there for it to start, without a Redis or certificates.
SERVING = """
import asyncio, sys
import authsvc.cli.serve
from authsvc.cli.files import read_callers
from authsvc.cli.process import started
from authsvc.model import Secret
from authsvc.ops.health import Health
from authsvc.ops.logs import LineLog
from authsvc.settings import Settings

async def serve():
    settings = Settings(port=0, ops_port=0, database_url=Secret("mysql://authsvc:x@127.0.0.1:1/cloud"))
    with LineLog() as log:
        async with started(settings, read_callers(settings), health=Health(), log=log):
            print(*sys.modules, file=sys.stderr)

asyncio.run(serve())
"""


def imported(program):
    """Return the modules a program has imported, as it says on standard error."""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True, text=True, timeout=60
    )
    return set(done.stderr.split())


@pytest.fixture(scope="module")
def serving():
    return imported(SERVING)


def test_the_program_serves(serving):
    assert {"authsvc.wiring.service", "authsvc.faces.ec2", "aiomysql", "sqlalchemy.dialects.mysql"} <= serving


@pytest.mark.parametrize(
    "package",
    [
        "alembic",  # for the tables authsvc owns
        "lxml",  # for SOAP messages
        "redis",  # for a shared cache
        "sqlite3",  # for the embedded directory
    ],
)
def test_a_process_does_not_import_what_it_was_not_asked_for(serving, package):
    assert package not in serving


def test_a_supervisor_of_workers_brings_no_database_along():
    found = imported("import sys, authsvc.cli.serve; print(*sys.modules, file=sys.stderr)")
    assert "authsvc.cli.supervisor" in found
    assert not found & {"aiomysql", "authsvc.wiring.service", "sqlalchemy"}


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_a_list_of_the_commands_imports_none(words):
    found = imported(
        f"import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        f"from authsvc.cli.main import main; main({words})"
    )
    assert {name for name in found if name.startswith("authsvc")} == {
        "authsvc",
        "authsvc.cli",
        "authsvc.cli.endings",  # words alone
        "authsvc.cli.main",
    }
    assert not found & {"aiohttp", "sqlalchemy", "marshmallow"}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_of_a_command_what_it_says_of_itself(name):
    command = whole().commands[name]
    listed = click.Command(name, help=COMMANDS[name][1])
    assert command.name == name
    for width in (20, 45, 80, 200):
        assert listed.get_short_help_str(width) == command.get_short_help_str(width)


def test_a_command_that_there_is_not_is_refused_in_a_line():
    done = subprocess.run(
        [sys.executable, "-m", "authsvc", "sevre"], cwd=ROOT, capture_output=True, check=False, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "No such command 'sevre'" in done.stderr

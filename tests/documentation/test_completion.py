"""Shell completion, as docs/start.md sets it up, in the shells themselves."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.processes import find_program, server_environment

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
UNPACKED = ROOT / ".cache" / "shells"
PATIENCE = 60.0

# What is typed, and what must then stand there, or be offered.
COMPLETED = [
    ("authsvc us", "users"),
    ("authsvc tokens new x --grant ver", "verify"),
    ("authsvc serve --wor", "--workers"),
    ("authsvc edge-keys new-s", "new-signer"),
]


@pytest.fixture(scope="module")
def unpacked():
    return str(UNPACKED) if UNPACKED.exists() else None


@pytest.fixture
def environment(unpacked, tmp_path):
    """The environment of a user who has installed authsvc, and nothing else."""
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    libraries = server_environment(unpacked).get("LD_LIBRARY_PATH") if unpacked else None
    return {"PATH": path, "HOME": str(tmp_path), "TERM": "dumb", "LC_ALL": "C.UTF-8"} | (
        {"LD_LIBRARY_PATH": libraries} if libraries else {}
    )


def line_for(name):
    """Return the line that docs/start.md tells users of this shell."""
    page = (ROOT / "docs" / "start.md").read_text(encoding="utf-8")
    (line,) = re.findall(rf"^.*_AUTHSVC_COMPLETE={name}_source authsvc.*$", page, re.MULTILINE)
    return line


def run(environment, *words):
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=PATIENCE, env=environment
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


@pytest.mark.parametrize(("typed", "wanted"), COMPLETED)
def test_bash(environment, typed, wanted):
    said = run(
        environment,
        "bash",
        "--norc",
        "-c",
        f"{line_for('bash')}\n"
        "complete -p authsvc >/dev/null\n"
        f"COMP_WORDS=({typed}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n"
        "_authsvc_completion authsvc\n"
        'echo "${COMPREPLY[@]}"',
    )
    assert said.split() == [wanted]


@pytest.mark.parametrize(("typed", "wanted"), COMPLETED)
def test_fish(environment, unpacked, tmp_path, typed, wanted):
    fish = find_program("fish", unpacked=unpacked)
    (tmp_path / ".config" / "fish" / "completions").mkdir(parents=True)
    run(environment, fish, "--no-config", "-c", line_for("fish"))
    asked = f"complete --do-complete '{typed}'"
    said = run(environment, fish, "-c", asked)
    assert [each.split("\t")[0] for each in said.splitlines()] == [wanted]


@pytest.mark.parametrize(("typed", "wanted"), COMPLETED)
def test_zsh(environment, unpacked, tmp_path, typed, wanted):
    """On a terminal, with the Tab key: zsh completes nowhere else."""
    zsh = find_program("zsh", unpacked=unpacked)
    folders = ""
    if unpacked:
        (modules,) = Path(unpacked).glob("usr/lib/*/zsh/*")
        functions = Path(unpacked) / "usr" / "share" / "zsh" / "functions"
        folders = f"module_path=({modules})\nfpath=({functions} {functions}/**/*(/N))\n"
    (tmp_path / ".zshrc").write_text(
        f"{folders}autoload -U compinit && compinit -u -D\n{line_for('zsh')}\nPROMPT='ready> '\n",
        encoding="utf-8",
    )
    screen = on_a_terminal([str(zsh), "-d", "-i"], environment, typed + "\t", after="ready> ", until=wanted)
    assert f"{typed.rpartition(' ')[0]} {wanted}" in screen


def on_a_terminal(words, environment, typed, *, after, until):
    """Type something when the program is ready, and return all it showed once it showed what it is waited for."""
    ours, theirs = pty.openpty()
    ends = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    screen, sent = "", False
    deadline = time.monotonic() + PATIENCE
    with subprocess.Popen(words, env=environment, start_new_session=True, **ends) as program:
        os.close(theirs)
        try:
            while until not in screen:
                assert time.monotonic() < deadline, screen
                if select.select([ours], [], [], 0.1)[0]:
                    screen += os.read(ours, 4096).decode(errors="replace")
                if not sent and after in screen:
                    os.write(ours, typed.encode())
                    sent = True
            return screen
        finally:
            program.kill()
            os.close(ours)

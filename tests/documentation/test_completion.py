"""Shell completion, as docs/start.md sets it up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def shell(*words, **environment):
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        words, capture_output=True, text=True, check=True, timeout=60, env={"PATH": path, **environment}
    ).stdout


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_the_line_of_the_documentation_gives_a_script(name):
    assert f"_AUTHSVC_COMPLETE={name}_source authsvc" in (ROOT / "docs" / "start.md").read_text()
    script = shell("authsvc", _AUTHSVC_COMPLETE=f"{name}_source")
    assert "authsvc" in script
    assert f"_AUTHSVC_COMPLETE={name}_complete" in script


@pytest.mark.parametrize(
    ("name", "words", "current"),
    [("bash", "authsvc us", "1"), ("zsh", "authsvc us", "1"), ("fish", "authsvc us", "us")],
)
def test_a_command_is_completed(name, words, current):
    said = shell("authsvc", _AUTHSVC_COMPLETE=f"{name}_complete", COMP_WORDS=words, COMP_CWORD=current)
    assert "users" in said
    assert "serve" not in said


def test_bash_completes_with_the_script_in_place():
    said = shell(
        "bash",
        "-c",
        'eval "$(_AUTHSVC_COMPLETE=bash_source authsvc)"\n'
        "complete -p authsvc >/dev/null\n"
        "COMP_WORDS=(authsvc tokens new x --grant v); COMP_CWORD=5\n"
        "_authsvc_completion authsvc\n"
        'echo "${COMPREPLY[@]}"',
    )
    assert said.split() == ["verify"]

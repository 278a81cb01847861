"""The systemd unit: systemd understands it, and finds little left to take away."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "docs" / "systemd" / "authsvc.service"

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="NOT CHECKED: this machine has no systemd-analyze to ask"
)


def analyse(*words):
    return subprocess.run(
        ["systemd-analyze", *words], capture_output=True, text=True, check=False, timeout=60
    )


@needs_systemd
def test_systemd_understands_it(tmp_path):
    here = tmp_path / UNIT.name
    here.write_text(UNIT.read_text().replace("/opt/authsvc/bin/authsvc", "/bin/true"), encoding="utf-8")
    done = analyse("verify", "--man=no", str(here))
    assert [line for line in done.stderr.splitlines() if UNIT.name in line] == []
    assert done.returncode == 0


@needs_systemd
def test_systemd_finds_it_hardened():
    done = analyse("security", "--offline=yes", "--json=short", str(UNIT))
    open_doors = {
        row["json_field"]: row["exposure"] for row in json.loads(done.stdout) if row.get("exposure")
    }
    assert sum(map(float, open_doors.values())) <= 2.0, open_doors


def test_it_ends_as_the_service_needs_it():
    """SIGTERM to the supervisor alone, and time for what is in flight; reload is what replaces the workers."""
    settings = dict(re.findall(r"^(\w+)=(.*)$", UNIT.read_text(), re.MULTILINE))
    assert settings["KillMode"] == "mixed"
    assert int(settings["TimeoutStopSec"]) >= 5 + 10 + 5 + 5
    assert settings["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert settings["ExecStart"].endswith(" serve --workers 2")
    assert settings["LimitCORE"] == "0"

"""The port for Envoy's gRPC, where it cannot be had."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from authsvc.cli.ext_authz import check_port
from authsvc.settings import read_settings

ROOT = Path(__file__).parents[2]


def settings(port):
    return read_settings({"AUTHSVC_EXT_AUTHZ_PORT": port})


@pytest.mark.parametrize(("port", "shared"), [("", True), ("0", False), ("8182", True)])
def test_a_port_that_can_be_had(port, shared):
    check_port(settings(port), shared=shared)


def test_workers_cannot_share_a_port_that_nobody_named():
    with pytest.raises(ValueError, match="AUTHSVC_EXT_AUTHZ_PORT: 0"):
        check_port(settings("0"), shared=True)


def test_without_the_extra_check_says_what_to_install(tmp_path):
    """In a process of its own, in which gRPC cannot be imported."""
    script = "import sys; sys.modules['grpc'] = None; from authsvc.cli.main import main; main(['check'])"
    environment = {
        "PATH": os.environ["PATH"],
        "AUTHSVC_DATABASE_URL": f"sqlite:///{tmp_path}/directory.db",
        "AUTHSVC_EXT_AUTHZ_PORT": "0",
    }
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "AUTHSVC_EXT_AUTHZ_PORT: needs the extra grpc: pip install 'authsvc[grpc]'" in done.stdout

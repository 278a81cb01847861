"""The hot path is compiled where it is to be, and only there."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner

from authsvc import is_compiled
from authsvc.cli.main import main
from tests.compiled import modules

WANTED = os.environ.get("AUTHSVC_TEST_COMPILED") == "1"


@pytest.mark.parametrize("name", sorted(modules()))
def test_each_module_of_the_hot_path_is_what_this_run_is_to_test(name):
    assert (Path(import_module(name).__file__).suffix == ".so") is WANTED


def test_the_hot_path_is_all_of_signing_but_soap():
    assert {"authsvc.signing", "authsvc.signing.v4", "authsvc.service.verify"} <= modules()
    assert "authsvc.signing.wssecurity" not in modules()


def test_the_program_says_so():
    assert is_compiled() is WANTED
    assert ("(compiled)" in CliRunner().invoke(main, ["--version"]).output) is WANTED

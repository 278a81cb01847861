"""The command line in the hands of the clumsy and the hostile: one clear line, and never a traceback."""

from __future__ import annotations

import os
from functools import partial

import pytest

from authsvc.settings import NO_ADDRESS
from tests.command import command


def misused(*words, **options):
    """Return what is wrong with the words, as the last line says."""
    done = command(*words, **options)
    assert (done.returncode, done.stdout) == (2, ""), done
    *usage, line = done.stderr.splitlines()
    assert usage[0].startswith("Usage: "), done.stderr
    return line


@pytest.mark.parametrize(
    "hours", ["nan", "-nan", "inf", "-inf", "-1", "0", "-0.0", "1e400", "745", "a day", ""]
)
def test_hours_that_are_no_number_of_hours_are_refused(hours, tmp_path):
    signer = tmp_path / "signer.pem"
    signer.touch()
    words = ("edge-keys", "export", str(tmp_path / "edge.keys"), "--signer", str(signer))
    assert misused(*words, f"--valid-for={hours}").startswith("Error: Invalid value for '--valid-for': ")


@pytest.mark.parametrize("kind", ["a folder", "a pipe", "a link to a folder"])
def test_an_export_takes_the_place_of_nothing_but_a_file(kind, tmp_path):
    place, folder = tmp_path / "place", tmp_path / "folder"
    folder.mkdir()
    {"a folder": place.mkdir, "a pipe": partial(os.mkfifo, place)}.get(
        kind, partial(place.symlink_to, folder)
    )()
    before = place.lstat().st_ino
    signer = tmp_path / "signer.pem"
    assert command("edge-keys", "new-signer", str(signer)).returncode == 0
    environment = {"AUTHSVC_DATABASE_URL": f"sqlite:///{tmp_path}/authsvc.db"}
    command("users", "list", environment=environment)
    line = misused("edge-keys", "export", str(place), "--signer", str(signer), environment=environment)
    assert line == "Error: Invalid value for 'FILE': is there, and is no file"
    assert place.lstat().st_ino == before


@pytest.mark.parametrize("setting", ["CALLERS", "CLOUDSTACK_KEY", "TLS_KEY"])
@pytest.mark.parametrize("content", ["canary", "-----BEGIN\ncanary\n-----END\n", "canary" * 1000, "canary\0"])
def test_a_file_whose_path_was_wanted_is_not_shown_instead(setting, content, tmp_path):
    file = tmp_path / "file"
    file.write_text(content)
    done = command("check", environment={f"AUTHSVC_{setting}_FILE": str(file)})
    assert (done.returncode, done.stderr) == (1, "")
    assert f"fail  AUTHSVC_{setting}: there is no file of this name" in done.stdout
    assert "canary" not in done.stdout


@pytest.mark.parametrize("url", ["", "nonsense", "http://127.0.0.1:0", "http://user@127.0.0.1/?x"])
@pytest.mark.parametrize(
    "words",
    [("forget", "AK", "--url"), ("health", "--url"), ("regions", "update", "1", "--endpoint")],
    ids=lambda words: words[0],
)
def test_what_is_no_address_is_said_to_be_none_wherever_it_is_given(words, url):
    assert misused(*words, url) == f"Error: Invalid value for '{words[-1]}': {NO_ADDRESS}"

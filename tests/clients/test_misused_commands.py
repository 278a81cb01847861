"""The command line in the hands of the clumsy and the hostile: one clear line, and never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from authsvc.settings import NO_ADDRESS
from tests.certificates import Authority
from tests.command import ROOT, command


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


UNPRINTABLE = ("", "two\nlines", "\x1b[31mred", "\udcff")


@pytest.mark.parametrize("name", UNPRINTABLE)
@pytest.mark.parametrize(
    "words",
    [("users", "disable"), ("certificates", "revoke"), ("forget",)],
    ids=" ".join,
)
def test_a_name_that_cannot_be_repeated_in_one_line_is_refused(words, name):
    assert misused(*words, "--", name).endswith(": must be printable, and not empty")


def test_a_password_is_nobodys_whose_name_no_file_can_hold():
    assert misused("tokens", "password", "\udcff").endswith(": the user's name is not text in UTF-8")


@pytest.mark.parametrize("words", [("remove",), ("update", "--name", "north")], ids=" ".join)
def test_a_region_has_a_number_that_a_database_can_hold(words):
    line = misused("regions", *words, "99999999999999999999")
    assert line.endswith("99999999999999999999 is not in the range 1<=x<=2147483647.")


@pytest.mark.parametrize("words", [("--help",), ("settings",), ("tokens", "new", "x", "--grant", "verify")])
def test_a_disk_that_is_full_is_one_clear_line(words):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "authsvc", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "authsvc: [Errno 28] No space left on device\n")


def test_what_nests_too_deep_is_one_clear_line(tmp_path):
    environment = {"AUTHSVC_OWN_DATABASE_URL": f"sqlite:///{tmp_path}/own.db"}
    assert command("migrate", environment=environment, cwd=tmp_path).returncode == 0
    (tmp_path / "deep.json").write_text("[" * 100_000)
    done = command("certificates", "import", "deep.json", environment=environment, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "authsvc: what was read nests too deep\n")


GARBAGE = bytes(range(256))


@pytest.mark.parametrize(
    "words", [("explain",), ("forget", "AK", "--url", "http://127.0.0.1:1", "--token-file")]
)
def test_what_is_no_text_is_said_to_be_none(words, tmp_path):
    (tmp_path / "file").write_bytes(GARBAGE)
    done = command(*words, str(tmp_path / "file"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "authsvc: what was read is not text in UTF-8, from byte 128 on\n"


@pytest.mark.parametrize("content", [GARBAGE, b"", b"-----BEGIN CERTIFICATE-----\n"])
def test_check_says_which_file_cannot_be_used(content, tmp_path):
    files = Authority().server("authsvc.example").write(tmp_path, "server")
    bad = tmp_path / "bad"
    bad.write_bytes(content)
    tls = {"CERTIFICATE": files.certificate, "KEY": files.key, "CLIENT_CA": files.authority}

    def said(**more):
        environment = {f"AUTHSVC_TLS_{name}": str(path) for name, path in (tls | more).items()}
        environment["AUTHSVC_DATABASE_URL"] = f"sqlite:///{tmp_path}/authsvc.db"
        done = command("check", environment=environment | {"AUTHSVC_CALLERS": str(callers)})
        return done.returncode, [line for line in done.stdout.splitlines() if line.startswith("fail")]

    callers = tmp_path / "callers.toml"
    callers.touch()
    command("users", "list", environment={"AUTHSVC_DATABASE_URL": f"sqlite:///{tmp_path}/authsvc.db"})
    assert said() == (0, [])
    for name, begins in (
        (
            "CERTIFICATE",
            "AUTHSVC_TLS_CERTIFICATE and AUTHSVC_TLS_KEY are no certificate and its key, in PEM: ",
        ),
        ("KEY", "AUTHSVC_TLS_CERTIFICATE and AUTHSVC_TLS_KEY are no certificate and its key, in PEM: "),
        ("CLIENT_CA", "AUTHSVC_TLS_CLIENT_CA holds no certificate, in PEM: "),
    ):
        status, (line,) = said(**{name: bad})
        assert (status, line.startswith(f"fail  callers and TLS: {begins}")) == (1, True), line
    if content == GARBAGE:
        callers.write_bytes(content)
        status, (line,) = said()
        assert line == "fail  callers and TLS: the callers file is not text in UTF-8, from byte 128 on"

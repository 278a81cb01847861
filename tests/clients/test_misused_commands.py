"""The command line in the hands of the clumsy and the hostile: one clear line, and never a traceback."""

from __future__ import annotations

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


@pytest.mark.parametrize("url", ["", "nonsense", "http://127.0.0.1:0", "http://user@127.0.0.1/?x"])
@pytest.mark.parametrize(
    "words",
    [("forget", "AK", "--url"), ("health", "--url"), ("regions", "update", "1", "--endpoint")],
    ids=lambda words: words[0],
)
def test_what_is_no_address_is_said_to_be_none_wherever_it_is_given(words, url):
    assert misused(*words, url) == f"Error: Invalid value for '{words[-1]}': {NO_ADDRESS}"

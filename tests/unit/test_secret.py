"""A secret stays silent in every way Python can make something talk."""

import copy
import json
import logging
import pickle

import msgspec
import pytest

from authsvc.model import Secret

TEXT = "wJalrXUtnFEMI/K7MDENG"


@pytest.mark.parametrize(
    "talk",
    [
        repr,
        str,
        "{}".format,
        "{!r:>40}".format,
        lambda s: f"{s}",
        lambda s: f"{s:.3}",
        lambda s: "%s %r" % (s, s),  # noqa: UP031
        lambda s: repr([s, {"k": s}]),
        lambda s: logging.LogRecord("n", 20, "f", 1, "%s", (s,), None).getMessage(),
        lambda s: json.dumps({"s": s}, default=str),
        lambda s: msgspec.json.encode({"s": s}, enc_hook=str).decode(),
    ],
)
def test_what_is_printed_holds_no_part_of_it(talk):
    said = talk(Secret(TEXT))

    assert TEXT[:4] not in said
    assert "Secret(" in said or "Sec" in said


@pytest.mark.parametrize(
    "leak",
    [
        pickle.dumps,
        copy.copy,
        copy.deepcopy,
        json.dumps,
        msgspec.json.encode,
        hash,
        lambda s: s == Secret(TEXT),
        lambda s: s == TEXT,
        vars,
        bytes,
        list,
    ],
)
def test_what_would_copy_or_compare_it_is_refused(leak):
    with pytest.raises(TypeError):
        leak(Secret(TEXT))


def test_reveal_is_the_way_out_and_emptiness_can_be_asked():
    assert Secret(TEXT).reveal() == TEXT
    assert Secret(TEXT)
    assert not Secret("")


def test_a_key_is_derived_once_for_each_purpose_and_goes_with_its_secret():
    made = []

    def derive(of, purpose):
        assert (of.reveal(), purpose[0]) == (TEXT, "a")
        made.append(len(made))
        return made[-1]

    secret = Secret(TEXT)
    assert [secret.derived(("a", "1"), derive) for _ in range(3)] == [0, 0, 0]
    assert secret.derived(("a", "2"), derive) == 1
    assert secret.derived(("a", "1"), derive) == 2, "only the last is kept"
    assert Secret(TEXT).derived(("a", "1"), derive) == 3, "another secret knows nothing of it"


def test_what_was_derived_is_as_silent_as_the_secret():
    secret = Secret(TEXT)
    secret.derived(("a",), lambda of, purpose: b"a derived key")
    assert "derived key" not in f"{secret!r} {secret} {secret:>40}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)

"""What the native face writes about who signed."""

from __future__ import annotations

import dataclasses

import msgspec

from authsvc.faces.documents import write
from authsvc.faces.native.answers import principal, proven
from authsvc.service.verify import Verified
from authsvc.signing.claim import Claim
from tests.standins import credential

CLAIM = Claim(scheme="s3v2", access_key="KEY", signature="s", strings_to_sign=("t",))


def described(whose):
    return msgspec.json.decode(write(proven(Verified(claim=CLAIM, credential=whose))))["principal"]


def named(name):
    known = credential("KEY", name=name)
    user = dataclasses.replace(known.principal.user, name=name)
    return dataclasses.replace(known, principal=dataclasses.replace(known.principal, user=user))


def test_a_user_is_described_as_the_record_that_answers_has_it_however_many_there_were_before():
    for number in range(3000):  # each record goes, and another comes to stand where it stood
        whose = named(f"user{number}")
        for _ in range(2):
            assert described(whose) == msgspec.json.decode(write(principal(whose.principal)))
        assert described(whose)["user"]["name"] == f"user{number}"

"""The verify question, read at sight; where that cannot be done, the schema says what is wrong with it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET

from authsvc.errors import Malformed
from authsvc.faces.documents import at_sight, parse
from authsvc.faces.native.schemas import MAX_BATCH, VERIFY, Question, load, read_body
from authsvc.faces.native.written import MANY, ONE, Batch, Expect, Written
from authsvc.service.policy import ANYTHING, Expectation
from authsvc.signing import SignedRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

_USUAL_NAMES: Final = 128
"""Characters of a service and a region together that are worth remembering."""
_NOTHING: Final = frozenset[str]()


def read_question(raw: bytes) -> Question:
    """Read one question.

    Raises:
        Malformed: ``detail["field"]`` names what is wrong.
    """
    written: Written | None = at_sight(raw, ONE, _strings)
    return read_one(parse(raw)) if written is None else _question(written)


def read_questions(raw: bytes) -> Sequence[Any]:
    """Read how many questions there are; each is still to be read by ``read_one``.

    Raises:
        Malformed: It is no list of questions, or one too long.
    """
    batch: Batch | None = at_sight(raw, MANY, _strings_of_all)
    if batch is not None:
        return batch.requests
    document = parse(raw)
    questions = document.get("requests") if type(document) is dict and len(document) == 1 else None
    if type(questions) is not list or len(questions) > MAX_BATCH:
        raise Malformed(f"must be a list of at most {MAX_BATCH} questions, and stand alone", field="requests")
    return questions


def read_one(given: Any) -> Question:
    """Read one of ``read_questions``, or a question out of a document.

    Raises:
        Malformed: ``detail["field"]`` names what is wrong.
    """
    if type(given) is not Written:
        try:
            given = msgspec.convert(given, Written)
        except msgspec.ValidationError:
            question: Question = load(VERIFY, given)
            return question
    return _question(given)


def _strings(written: Written) -> int:
    """Count the strings of a question, the names included."""
    strings = 5 + 2 * len(written.headers)  # three names and two values that are always there
    for value in (written.body, written.body_sha256, written.bucket):
        if value is not UNSET:
            strings += 1 if value is None else 2
    want, expect = written.want, written.expect
    if want is not UNSET:
        strings += 1 + len(want or ())
    if expect is not UNSET:
        strings += 1
        if expect is not None:
            for name in (expect.service, expect.region):
                if name is not UNSET:
                    strings += 1 if name is None else 2
    return strings


def _strings_of_all(batch: Batch) -> int:
    return 1 + sum(map(_strings, batch.requests))


def _question(written: Written) -> Question:
    headers, body, expect, want = written.headers, written.body, written.expect, written.want
    request = SignedRequest(
        method=written.method,
        target=written.target,
        headers=tuple(headers.items()) if isinstance(headers, dict) else headers,
        body=None if body is UNSET or body is None else read_body(body),
        body_sha256=None if written.body_sha256 is UNSET else written.body_sha256,
        bucket=None if written.bucket is UNSET else written.bucket,
    )
    return Question(
        request,
        ANYTHING if expect is UNSET or expect is None else _expectation(expect),
        frozenset(want) if want else _NOTHING,
    )


def _expectation(expect: Expect) -> Expectation:
    service, region = expect.service or None, expect.region or None
    make = _named if len(service or "") + len(region or "") <= _USUAL_NAMES else _named.__wrapped__
    return make(service, region)


@lru_cache(maxsize=256)
def _named(service: str | None, region: str | None) -> Expectation:
    """Make an expectation once: a caller is the same endpoint all day."""
    return Expectation(service=service, region=region)

"""When a signature counts: not before, not after, not for ever, and not by numbers that are none."""

from __future__ import annotations

import dataclasses

import pytest

from tests.attacks.conftest import NOW
from tests.attacks.rows import called
from tests.cloudstack_requests import signed
from tests.signers import (
    ACCESS_KEY,
    SECRET_KEY,
    STAMP,
    v2_header,
    v2_presigned,
    v4_header,
    v4_presigned,
)

DAY = 86400
V2_DATE = (("X-Amz-Date", STAMP),)
COMMAND = {"command": "listUsers", "apiKey": ACCESS_KEY, "response": "json"}


def v2_right(*, stamp=STAMP):
    text = f"GET\n\n\n\nx-amz-date:{stamp}\n/bucket/key"
    return v2_header("GET", "/bucket/key", text, headers=(("X-Amz-Date", stamp),))


def v2_expiring(expires):
    return v2_presigned("GET", "/bucket/key", f"GET\n\n\n{expires}\n/bucket/key", expires=expires)


def cloudstack(**more):
    return signed({**COMMAND, **more}, secret=SECRET_KEY)


@pytest.mark.parametrize("after", [901, DAY, 400 * DAY])
@pytest.mark.parametrize("sign", [called(9, "v4", v4_header), called(9, "v2", v2_right)])
async def test_a_captured_request_grows_old(gate, sign, after):
    request = sign()
    gate.clock.advance(900)
    await gate.admits(request)
    gate.clock.wall = NOW + after
    detail = await gate.refuses(request, "RequestTimeTooSkewed", 403)
    assert detail["max_allowed_skew_milliseconds"] == 900_000


@pytest.mark.parametrize("sign", [called(9, "v4-future", v4_header), called(9, "v2-future", v2_right)])
async def test_a_request_from_the_future_waits(gate, sign):
    """A clock that was set back must not make yesterday's requests good again beyond the skew."""
    gate.clock.wall = NOW - 900
    await gate.admits(sign())
    gate.clock.wall = NOW - 901
    await gate.refuses(sign(), "RequestTimeTooSkewed", 403)


@pytest.mark.parametrize("expires", [called(9, "v4-query", "600")])
async def test_a_presigned_request_ends(gate, expires):
    request = v4_presigned(expires=expires)
    gate.clock.wall = NOW + 600
    await gate.admits(request)
    gate.clock.wall = NOW + 601
    await gate.refuses(request, "AccessDenied", 403)
    gate.clock.wall = NOW - 901
    await gate.refuses(request, "AccessDenied", 403)
    gate.clock.wall = 0.0
    await gate.refuses(request, "AccessDenied", 403)


@pytest.mark.parametrize("until", [called(9, "v2-query", 600)])
async def test_a_presigned_request_of_version_2_ends(gate, until):
    request = v2_expiring(str(int(NOW) + until))
    gate.clock.wall = NOW + until
    await gate.admits(request)
    gate.clock.wall = NOW + until + 1
    await gate.refuses(request, "AccessDenied", 403)


@pytest.mark.parametrize("until", [called(9, "v2-query-too-long", 604_801)])
async def test_a_presigned_request_of_version_2_is_not_for_years(gate, until):
    await gate.admits(v2_expiring(str(int(NOW) + until - 1)))
    await gate.refuses(v2_expiring(str(int(NOW) + until)), "AccessDenied", 403)


@pytest.mark.parametrize(
    ("expires", "right"),
    [
        called(9, "cloudstack-to-come", "2013-05-24T00:10:00+0000", True),
        called(9, "cloudstack-past", "2013-05-23T23:59:59+0000", False),
        called(9, "cloudstack-past-by-offset", "2013-05-24T00:10:00+0100", False),
    ],
)
async def test_a_cloudstack_request_of_version_3_ends(gate, expires, right):
    request = cloudstack(signatureVersion="3", expires=expires)
    if right:
        await gate.admits(request)
    else:
        await gate.refuses(request, "AuthFailure", 401)


@pytest.mark.parametrize("settings", [called(9, "cloudstack-timeless", {"TIMELESS": ""})])
async def test_a_request_without_a_time_is_refused_where_the_operator_says_so(gate):
    await gate.refuses(cloudstack(), "AuthFailure", 401)
    await gate.refuses(cloudstack(expires="2013-05-24T00:10:00+0000"), "AuthFailure", 401)
    await gate.admits(cloudstack(signatureVersion="3", expires="2013-05-24T00:10:00+0000"))


@pytest.mark.parametrize(
    "expires",
    [
        called(9, "cloudstack-none", None),
        called(9, "cloudstack-empty", ""),
        called(9, "cloudstack-text", "never"),
    ],
)
async def test_version_3_has_to_end(gate, expires):
    more = {} if expires is None else {"expires": expires}
    await gate.refuses(cloudstack(signatureVersion="3", **more), "AuthFailure", 401)


NUMBERS = {
    "a-second-too-long": "604801",
    "negative": "-1",
    "zero": "0",
    "zeros": "000000",
    "with-letters": "600abc",
    "letters-first": "abc600",
    "plus": "%2B600",
    "plus-as-blank": "+600",
    "blank-after": "600%20",
    "newline-after": "600%0A",
    "arabic-digits": "%D9%A6%D9%A0%D9%A0",
    "full-width-digits": "%EF%BC%96%EF%BC%90%EF%BC%90",
    "superscript": "6%C2%B2",
    "underscores": "6_0_0",
    "exponent": "6e2",
    "hexadecimal": "0x258",
    "fraction": "600.0",
    "nan": "nan",
    "infinity": "inf",
    "empty": "",
    "seven-digits": "0000600",
    "very-long": "9" * 4000,
    "list": "600,600",
    "nul": "600%00",
}


@pytest.mark.parametrize("expires", [called(12, name, text) for name, text in NUMBERS.items()])
async def test_what_is_no_number_of_seconds_is_refused(gate, expires):
    """Each signed again with what it says, so that nothing but the number can be wrong."""
    query = f"X-Amz-Expires={expires}"
    request = v4_presigned(query=query, expires=None)
    await gate.refuses(request, "AuthorizationQueryParametersError", 400)


@pytest.mark.parametrize("expires", [called(12, "smallest", "1"), called(12, "largest", "604800")])
async def test_the_ends_of_the_range_are_in_it(gate, expires):
    await gate.admits(v4_presigned(query=f"X-Amz-Expires={expires}", expires=None))


V2_NUMBERS = {
    **{
        name: text
        for name, text in NUMBERS.items()
        if name not in {"a-second-too-long", "zero", "zeros", "seven-digits"}
    },
    "exponent-large": "1e12",
    "beyond-2-31": str(2**31),
    "beyond-2-63": str(2**63),
    "milliseconds": "1369354200000",
    "iso": "2013-05-24T00%3A10%3A00Z",
}


@pytest.mark.parametrize("expires", [called(13, name, text) for name, text in V2_NUMBERS.items()])
async def test_what_is_no_time_is_refused_in_version_2(gate, expires):
    code, status = {
        "": ("AuthorizationQueryParametersError", 400),
        "600%0A": ("InvalidArgument", 400),
        "600%00": ("InvalidArgument", 400),
    }.get(expires, ("AccessDenied", 403))
    await gate.refuses(v2_expiring(expires), code, status)


@pytest.mark.parametrize(
    "expires", [called(13, "epoch", "0"), called(13, "one", "1"), called(13, "zeros", "0000000001")]
)
async def test_a_time_long_past_is_past(gate, expires):
    await gate.refuses(v2_expiring(expires), "AccessDenied", 403)


DATES = {
    "empty": "",
    "text": "HAHAHA",
    "extended": "2013-05-24T00:00:00Z",
    "date-alone": "20130524",
    "no-zone": "20130524T000000",
    "lower-case": "20130524t000000z",
    "offset": "20130524T000000+0000",
    "fraction": "20130524T000000.0Z",
    "epoch": "1369353600",
    "arabic-digits": "٢٠١٣٠٥٢٤T٠٠٠٠٠٠Z",
    "thirteenth-month": "20131324T000000Z",
    "no-such-day": "20130230T000000Z",
    "leap-second": "20130524T235960Z",
    "hour-24": "20130523T240000Z",
    "year-0": "00000101T000000Z",
    "year-10000": "100000524T000000Z",
    "blank-inside": "20130524 T000000Z",
    "two": f"{STAMP}, {STAMP}",
    "very-long": "2" * 5000,
}


@pytest.mark.parametrize("date", [called(25, f"date-{name}", text) for name, text in DATES.items()])
async def test_what_is_no_date_is_refused(gate, date):
    right = v4_header()
    headers = [(name, date if name == "X-Amz-Date" else value) for name, value in right.headers]
    await gate.refuses(dataclasses.replace(right, headers=tuple(headers)), "AccessDenied", 403)
    await gate.refuses(v2_right(stamp=date), "AccessDenied", 403)


@pytest.mark.parametrize(
    "date", [called(25, f"query-date-{name}", text) for name, text in DATES.items() if name != "empty"]
)
async def test_what_is_no_date_is_refused_in_the_query(gate, date):
    await gate.refuses(v4_presigned(stamp=date.replace(" ", "%20")), "AuthorizationQueryParametersError", 400)


@pytest.mark.parametrize(
    "headers", [called(25, "no-date", ()), called(25, "two-dates", (V2_DATE[0], V2_DATE[0]))]
)
async def test_a_request_needs_one_date(gate, headers):
    right = v4_header()
    rest = [pair for pair in right.headers if pair[0] != "X-Amz-Date"]
    listed = ("Authorization", right.header("authorization").replace(";x-amz-date", ""))
    if headers:
        request = dataclasses.replace(right, headers=(*right.headers, headers[0]))
        await gate.refuses(request, "InvalidArgument", 400)
    else:
        request = dataclasses.replace(right, headers=(*rest[:-1], listed))
        await gate.refuses(request, "AccessDenied", 403)

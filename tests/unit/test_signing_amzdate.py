"""Dates, read to the letter."""

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.signing.amzdate import parse, parse_basic, parse_http, write_basic

MOMENTS = st.datetimes(
    min_value=datetime(1970, 1, 1), max_value=datetime(9999, 12, 31), timezones=st.just(UTC)
).map(lambda moment: moment.replace(microsecond=0))


@given(MOMENTS)
def test_both_forms_are_read_as_the_calendar_has_them(moment):
    basic = f"{moment:%Y%m%dT%H%M%SZ}"
    assert parse_basic(basic) == parse(basic) == moment.timestamp()
    assert parse_http(format_datetime(moment, usegmt=True)) == moment.timestamp()
    assert write_basic(moment.timestamp()) == basic


@pytest.mark.parametrize(
    "text",
    [
        "Tue, 27 Mar 2007 19:36:42 GMT",
        "Tue, 27 Mar 2007 19:36:42 UTC",
        "27 Mar 2007 19:36:42 +0000",
        "Tue, 27 Mar 2007 21:36:42 +0200",
        "Tue, 27 Mar 2007 14:06:42 -0530",
        "20070327T193642Z",
    ],
)
def test_the_spellings_of_one_moment(text):
    assert parse(text) == 1175024202.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20130524",
        "20130524T000000",
        "20130524T000000z",
        "20130524T000000Z ",
        "20130524T000000Z\n",
        " 20130524T000000Z",
        "2013-05-24T00:00:00Z",
        "20130532T000000Z",
        "20130229T000000Z",
        "20131301T000000Z",
        "20130524T240000Z",
        "20130524T006000Z",
        "20130524T000060Z",
        "00000101T000000Z",
        "19500707T215304Z",
        "٢٠١٣٠٥٢٤T000000Z",
        "2013_524T000000Z",
        "+0130524T000000Z",
        "Bad Date",
        "Tue, 07 Jul 1950 21:53:04 GMT",
        "Tue, 27 Mar 2007 19:36:42",
        "Tue, 27 Mar 2007 19:36:42 EST",
        "Tue, 27 Mar 07 19:36:42 GMT",
        "Tue, 30 Feb 2007 19:36:42 GMT",
        "Tue, 27 Mar 2007 24:00:00 GMT",
        "Tue, 27 Mar 2007 19:36:42 +2400",
        "Tue, 27 Mar 2007 19:36:42 +0060",
        "Fri, 31 Dec 9999 23:59:59 -0001",
        "Thu, 01 Jan 1970 00:00:00 +0001",
        "Sat, 01 Jan 0001 00:00:00 +2300",
        "1175024202",
    ],
)
def test_anything_else_is_no_date(text):
    assert parse(text) is None

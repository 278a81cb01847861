"""The dates of the AWS signature schemes, read by hand and to the letter."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import lru_cache

_BASIC = re.compile(r"(\d{4})(\d\d)(\d\d)T([01]\d|2[0-3])([0-5]\d)([0-5]\d)Z", re.ASCII)
_EXTENDED = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?Z?", re.ASCII
)
_HTTP = re.compile(
    r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?(\d{1,2}) "
    r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (\d{4}) "
    r"([01]\d|2[0-3]):([0-5]\d):([0-5]\d) "
    r"(?:GMT|UTC?|([+-])([01]\d|2[0-3])([0-5]\d))",
    re.ASCII,
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_END = (date(9999, 12, 31).toordinal() + 1 - _EPOCH_DAY) * 86400


def parse_basic(text: str) -> float | None:
    """Read ``YYYYMMDDTHHMMSSZ`` (ISO 8601 basic) as Unix seconds, None if it is anything else."""
    return _basic(text) if len(text) == len("YYYYMMDDTHHMMSSZ") else None


@lru_cache(maxsize=1024)
def _basic(text: str) -> float | None:
    """Read one; requests of the same second share it."""
    match = _BASIC.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = match.groups()
    return _seconds(int(year), int(month), int(day), int(hour) * 3600 + int(minute) * 60 + int(second))


def parse_extended(text: str) -> float | None:
    """Read ``YYYY-MM-DDTHH:MM:SS[.fraction][Z]`` (ISO 8601 extended) as Unix seconds, None if it is not that.

    Without a zone it is UTC: so AWS's own example of Signature Version 2 has it.
    """
    match = _EXTENDED.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction = match.groups()
    clock = int(hour) * 3600 + int(minute) * 60 + int(second)
    seconds = _seconds(int(year), int(month), int(day), clock)
    return seconds if seconds is None or not fraction else seconds + float(f"0.{fraction}")


def parse_http(text: str) -> float | None:
    """Read an HTTP date (RFC 1123, ``GMT`` or a numeric offset) as Unix seconds, None if it is none."""
    match = _HTTP.fullmatch(text)
    if match is None:
        return None
    day, month, year, hour, minute, second, sign, ahead_hours, ahead_minutes = match.groups()
    clock = int(hour) * 3600 + int(minute) * 60 + int(second)
    if sign is not None:
        ahead = int(ahead_hours) * 3600 + int(ahead_minutes) * 60
        clock += ahead if sign == "-" else -ahead
    return _seconds(int(year), _MONTHS.index(month) + 1, int(day), clock)


def parse(text: str) -> float | None:
    """Read either form as Unix seconds, None if it is neither."""
    seconds = parse_basic(text)
    return parse_http(text) if seconds is None else seconds


def write_basic(seconds: float) -> str:
    """Write a time that was read here as ``YYYYMMDDTHHMMSSZ``."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y%m%dT%H%M%SZ}"


def _seconds(year: int, month: int, day: int, clock: int) -> float | None:
    """Count from the epoch; a day the calendar lacks, or a time before 1970 or after 9999, is no date."""
    try:
        seconds = (date(year, month, day).toordinal() - _EPOCH_DAY) * 86400 + clock
    except ValueError:
        return None
    return float(seconds) if 0 <= seconds < _END else None

"""The end that a CloudStack request carries in ``expires``, read by hand and to the letter."""

from __future__ import annotations

import re
from datetime import date

_MINUTE = r"(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):([0-5]\d)"
_FORMATS = (
    # ISO_OFFSET_DATE_TIME and ISO_INSTANT
    re.compile(
        _MINUTE + r"(?::([0-5]\d)(?:\.(\d{1,9}))?)?(?:Z|([+-]\d\d)(?::([0-5]\d))?)",
        re.ASCII,
    ),
    # the patterns …ssZ, …ss.SSSSSSX, …ss.SSSSSSZ and …ss'Z'Z, where the last two letters Z are an offset
    re.compile(_MINUTE + r":([0-5]\d)(?:\.(\d{6})|Z)?([+-]\d\d)([0-5]\d)", re.ASCII),
)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_WIDEST_OFFSET = 18 * 3600


def parse(text: str) -> float | None:
    """Read the time as Unix seconds, None if CloudStack's own parser knows no such form.

    The forms are those of ``DateUtil.parseTZDateString`` (4.12 and later); a date the calendar lacks and an
    hour 24, which one of its seven formatters would bend into another day, are refused.
    """
    for form in _FORMATS:
        match = form.fullmatch(text)
        if match is not None:
            return _seconds(match)
    return None


def _seconds(match: re.Match[str]) -> float | None:
    year, month, day, hour, minute, second, fraction, ahead_hours, ahead_minutes = match.groups()
    try:
        days = date(int(year), int(month), int(day)).toordinal() - _EPOCH_DAY
    except ValueError:
        return None
    ahead = _offset(ahead_hours or "+00", ahead_minutes or "00")
    if abs(ahead) > _WIDEST_OFFSET:
        return None
    clock = int(hour) * 3600 + int(minute) * 60 + int(second or "0")
    return float(days * 86400 + clock - ahead) + float(f"0.{fraction or '0'}")


def _offset(hours: str, minutes: str) -> int:
    seconds = int(hours[1:]) * 3600 + int(minutes) * 60
    return -seconds if hours[0] == "-" else seconds

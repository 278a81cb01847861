"""A V4 credential: whose key, and for which day, region and service it was derived."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from authsvc.model import AccessKey
from authsvc.signing.claim import Scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from authsvc.errors import Malformed

TERMINATOR = "aws4_request"
_CREDENTIAL = re.compile(r"([!-~]{1,256})/(\d{8})/([!-.0-~]{1,128})/([!-.0-~]{1,128})/aws4_request", re.ASCII)
_PART = re.compile(r"[!-.0-~]{1,128}", re.ASCII)
_DATE = re.compile(r"\d{8}", re.ASCII)
_KEY = re.compile(r"[!-~]{1,256}", re.ASCII)


def read_credential(text: str, refuse: Callable[[str], Malformed]) -> tuple[AccessKey, Scope]:
    """Split ``<access key>/YYYYMMDD/<region>/<service>/aws4_request`` from the right: keys may hold ``/``.

    Raises:
        Malformed: What ``refuse`` makes of the reason.
    """
    match = _CREDENTIAL.fullmatch(text)
    if match is None:
        raise refuse(_fault(text))
    access_key, date, region, service = match.groups()
    return AccessKey(access_key), Scope(date=date, region=region, service=service)


def credential_scope(scope: Scope) -> str:
    """Write the scope as it stands in the string to sign."""
    return f"{scope.date}/{scope.region}/{scope.service}/{TERMINATOR}"


def _fault(text: str) -> str:
    parts = text.rsplit("/", 4)
    well_formed = len(parts) == 5 and _KEY.fullmatch(parts[0]) and all(map(_PART.fullmatch, parts[1:]))  # noqa: PLR2004 -- the parts of the form quoted below
    if not well_formed:
        return 'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
    _, date, _, _, terminator = parts
    if not _DATE.fullmatch(date):
        return (
            f'incorrect date format "{date}". This date in the credential must be in the format "yyyyMMdd".'
        )
    return f'incorrect terminal "{terminator}". This endpoint uses "{TERMINATOR}".'

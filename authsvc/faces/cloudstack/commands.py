"""The commands this face knows, each as CloudStack's class of the same name does it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from authsvc.errors import AccountProblem, UnknownAccessKey
from authsvc.model import AccessKey

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from authsvc.model import Credential, Region
    from authsvc.service.service import Service

CALLER: Final = "client-api"
"""Under which decisions taken for this face are recorded; its users are no callers of the callers file."""

INVALID_PARAMETER: Final = 4350
"""``CSExceptionErrorCode`` of ``InvalidParameterValueException``."""

UNMAPPED: Final = 9999
"""``cserrorcode`` of a ``ServerApiException`` thrown as such."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,10}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MAX_PAGE: Final = 500


class InvalidParameter(Exception):
    """A parameter is missing or makes no sense: 431 PARAM_ERROR."""

    def __init__(self, text: str, *, cserrorcode: int = INVALID_PARAMETER) -> None:
        """Take the words for the client."""
        super().__init__(text)
        self.text = text
        self.cserrorcode = cserrorcode


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One API command: what it does, and whether only a root admin may.

    ``run`` takes the parameters by lower-case name and returns what stands inside the response's name.
    """

    name: str
    run: Callable[[Service, Mapping[str, str]], Awaitable[dict[str, Any]]]
    root_only: bool

    @property
    def response_name(self) -> str:
        """Return the one top-level name of every answer."""
        return f"{self.name.lower()}response"


def arguments(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters by lower-case name, as ``ParamProcessWorker`` looks them up.

    Raises:
        InvalidParameter: A value holds a control character.
    """
    for name, value in parameters.items():
        if _CONTROL.search(value):
            raise InvalidParameter(
                f"Received value for parameter {name} is invalid, contains illegal ASCII non-printable characters"
            )
    return {name.lower(): value for name, value in parameters.items()}


async def get_user(service: Service, arguments: Mapping[str, str]) -> dict[str, Any]:
    """Describe the user of an access key, whatever state it is in (``GetUserCmd``)."""
    key = arguments.get("userapikey")
    if not key:
        raise InvalidParameter(
            "Unable to execute API command getuser due to missing parameter userapikey", cserrorcode=UNMAPPED
        )
    try:
        credential = await service.identify(AccessKey(key), caller=CALLER)
    except UnknownAccessKey:
        raise InvalidParameter("User with specified API key does not exist") from None
    except AccountProblem:
        raise InvalidParameter("More than one user has the specified API key") from None
    return {"user": _user(credential)}


async def list_regions(service: Service, arguments: Mapping[str, str]) -> dict[str, Any]:
    """List the regions, one of them by id or else by name (``ListRegionsCmd``)."""
    number, name = _integer(arguments, "id"), arguments.get("name")
    page, size = _page(arguments)
    found = [
        _region(region)
        for region in sorted(await service.regions.list(), key=lambda region: region.id)
        if _wanted(region, number, name)
    ]
    shown = found[(page - 1) * size : page * size]
    return {"count": len(found) or None, "region": shown or None}


COMMANDS: Final[Mapping[str, Command]] = {
    command.name: command
    for command in (
        Command(name="getUser", run=get_user, root_only=True),
        Command(name="listRegions", run=list_regions, root_only=False),
    )
}


def _wanted(region: Region, number: int | None, name: str | None) -> bool:
    if number is not None:
        return region.id == number
    return name is None or region.name.casefold() == name.casefold()


def _page(arguments: Mapping[str, str]) -> tuple[int, int]:
    page, size = _integer(arguments, "page"), _integer(arguments, "pagesize")
    if size == -1:
        return 1, _MAX_PAGE
    size = _MAX_PAGE if size is None else size
    if not 1 <= size <= _MAX_PAGE:
        raise InvalidParameter(f"Page size must be between 1 and {_MAX_PAGE}")
    return max(page or 1, 1), size


def _integer(arguments: Mapping[str, str], name: str) -> int | None:
    value = arguments.get(name)
    if not value:
        return None
    if not _INTEGER.fullmatch(value):
        raise InvalidParameter(
            f"Invalid value for parameter {name}: an integer is needed", cserrorcode=UNMAPPED
        )
    return int(value)


def _region(region: Region) -> dict[str, Any]:
    return {
        "id": region.id,
        "name": region.name,
        "endpoint": region.endpoint,
        "gslbserviceenabled": region.gslb_enabled,
        "portableipserviceenabled": region.portable_ip_enabled,
    }


def _user(credential: Credential) -> dict[str, Any]:
    """Describe a user as ``UserResponse`` does; never with the secret key, as CloudStack since 4.10."""
    who = credential.principal
    user, account, role = who.user, who.account, who.account.role
    return {
        "id": user.id,
        "username": user.name,
        "firstname": user.firstname,
        "lastname": user.lastname,
        "email": user.email,
        "created": _created(user.created),
        "state": user.state,
        "account": account.name,
        "accounttype": account.type,
        "usersource": _source(user.source),
        "roleid": role and role.id,
        "roletype": role and role.type,
        "rolename": role and role.name,
        "domainid": who.domain.id,
        "domain": who.domain.name,
        "timezone": user.timezone,
        "apikey": credential.access_key,
        "accountid": account.id,
        "iscallerchilddomain": False,
        "isdefault": user.is_default,
    }


def _created(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S%z")


def _source(source: str | None) -> str | None:
    """Write a source as the API does: lower case, and UNKNOWN is native."""
    if source is None:
        return None
    return "native" if source.lower() == "unknown" else source.lower()

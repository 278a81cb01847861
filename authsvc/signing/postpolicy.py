"""The policy of an upload form: what a form may say, signed by somebody who may be far away when it is sent."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn

from authsvc.errors import FileTooLarge, FileTooSmall, InvalidPolicyDocument, PolicyUnmet
from authsvc.signing import amzdate

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from authsvc.errors import Denied

_OPERATORS: Final = frozenset({"eq", "starts-with"})
_RANGE: Final = "content-length-range"
_LENGTH: Final = re.compile(r"\d{1,15}", re.ASCII)
_ESCAPED_DOLLAR: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\\$")
_CONFIDENTIAL: Final = re.compile(r"-(?:token|customer-key)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A field has to equal ``value``, or to start with it; ``field`` is None where no field was named."""

    operator: str
    field: str | None
    value: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PostPolicy:
    """A policy document.

    Attributes:
        expires_at: Unix seconds.
        conditions: What each field has to be.
        length_range: Fewest and most bytes of the file, where the document bounds them.
    """

    expires_at: float
    conditions: tuple[Condition, ...]
    length_range: tuple[int, int] | None


def read_policy(encoded: str) -> PostPolicy:
    """Read a policy document out of its Base64.

    Raises:
        InvalidPolicyDocument: It is not one, or holds what nobody defined.
    """
    document = _document(encoded)
    for name in document:
        if name not in {"expiration", "conditions"}:
            raise InvalidPolicyDocument(f"Invalid Policy: Unexpected: '{name}'.")
    if "expiration" not in document:
        raise InvalidPolicyDocument("Invalid Policy: Policy missing expiration.")
    if "conditions" not in document:
        raise InvalidPolicyDocument("Invalid Policy: Policy missing conditions.")
    given = document["conditions"]
    if not isinstance(given, list):
        raise InvalidPolicyDocument("Invalid Policy: Invalid 'conditions' value: must be a List.")
    conditions: list[Condition] = []
    bounds: list[tuple[int, int]] = []
    for item in given:
        if isinstance(item, list) and item and _folded(item[0]) == _RANGE:
            bounds.append(_bounds(item))
        else:
            conditions.append(_condition(item))
    return PostPolicy(
        expires_at=_expiration(document["expiration"]),
        conditions=tuple(conditions),
        length_range=(max(low for low, _ in bounds), min(high for _, high in bounds)) if bounds else None,
    )


def unmet(policy: PostPolicy, fields: Mapping[str, str], *, exempt: Collection[str]) -> Denied | None:
    """Return the first way in which the fields and the policy do not agree, None if they do.

    Both ways: every condition holds, and every field has one, but those ``exempt`` and ``x-ignore-*``.
    """
    for condition in policy.conditions:
        if not _holds(condition, fields):
            return PolicyUnmet(f"Invalid according to Policy: Policy Condition failed: {condition.text}")
    covered = {condition.field for condition in policy.conditions}
    extra = [
        name
        for name in fields
        if name not in covered and name not in exempt and not name.startswith("x-ignore-")
    ]
    if extra:
        return PolicyUnmet(f"Invalid according to Policy: Extra input fields: {', '.join(extra)}")
    return None


def outside(policy: PostPolicy, size: int | None) -> Denied | None:
    """Return what is wrong with the size of the file, where it is known and the policy bounds it."""
    if policy.length_range is None or size is None:
        return None
    low, high = policy.length_range
    if size > high:
        return FileTooLarge(proposed_size=size, max_size_allowed=high)
    if size < low:
        return FileTooSmall(proposed_size=size, min_size_allowed=low)
    return None


def is_confidential(encoded: str) -> bool:
    """Say whether a policy document, which is what is signed, holds what must not be shown, or cannot be read."""
    try:
        decoded = base64.b64decode(encoded).lower()
    except ValueError:
        return True
    return b"-token" in decoded or b"-customer-key" in decoded


def _document(encoded: str) -> dict[str, Any]:
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except ValueError:
        raise InvalidPolicyDocument("Invalid Policy: invalid Base64 encoding.") from None
    try:
        # AWS has a policy write a dollar sign as \$, which is no JSON.
        document = json.loads(
            _ESCAPED_DOLLAR.sub(r"\1$", text), object_pairs_hook=_once_each, parse_constant=_refuse_constant
        )
    except InvalidPolicyDocument:
        raise
    except (ValueError, RecursionError):
        raise InvalidPolicyDocument("Invalid Policy: Invalid JSON.") from None
    if not isinstance(document, dict):
        raise InvalidPolicyDocument("Invalid Policy: Invalid JSON.")
    return document


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidPolicyDocument("Invalid Policy: a name is given twice.")
    return found


def _refuse_constant(_name: str) -> NoReturn:
    raise InvalidPolicyDocument("Invalid Policy: Invalid JSON.")


def _expiration(text: Any) -> float:
    if not isinstance(text, str):
        raise InvalidPolicyDocument("Invalid Policy: Invalid JSON.")
    seconds = amzdate.parse_extended(text) if text.endswith("Z") else None
    if seconds is None:
        raise InvalidPolicyDocument(f"Invalid Policy: Invalid 'expiration' value: '{text}'")
    return seconds


def _condition(item: Any) -> Condition:
    if isinstance(item, dict):
        return _simple(item)
    if not isinstance(item, list):
        raise InvalidPolicyDocument("Invalid Policy: Invalid condition test: must be a List or Object.")
    if not item:
        raise InvalidPolicyDocument("Invalid Policy: Invalid Condition: missing operation identifier.")
    operator = _folded(item[0])
    if operator not in _OPERATORS:
        raise InvalidPolicyDocument(f"Invalid Policy: Invalid Condition: unknown operation '{item[0]}'.")
    if len(item) != len(("operator", "field", "value")):
        raise InvalidPolicyDocument(f"Invalid Policy: Invalid {operator}: wrong number of arguments.")
    _, name, value = item
    if not isinstance(name, str) or not isinstance(value, str):
        raise InvalidPolicyDocument("Invalid Policy: Invalid JSON.")
    return _made(operator, name[1:].lower() if name.startswith("$") else None, name, value)


def _simple(item: Mapping[str, Any]) -> Condition:
    if len(item) != 1:
        raise InvalidPolicyDocument(
            "Invalid Policy: Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."
        )
    ((name, value),) = item.items()
    if not isinstance(value, str):
        raise InvalidPolicyDocument("Invalid Policy: Invalid Simple-Condition: value must be a string.")
    return _made("eq", name.lower(), f"${name}", value)


def _made(operator: str, field: str | None, name: str, value: str) -> Condition:
    shown = "(concealed)" if field is not None and _CONFIDENTIAL.search(field) else value
    return Condition(operator=operator, field=field, value=value, text=json.dumps([operator, name, shown]))


def _bounds(item: list[Any]) -> tuple[int, int]:
    if len(item) != len(("operator", "low", "high")):
        raise InvalidPolicyDocument(f"Invalid Policy: Invalid {_RANGE}: wrong number of arguments.")
    low, high = _length(item[1]), _length(item[2])
    if low > high:
        raise InvalidPolicyDocument(f"Invalid Policy: Invalid {_RANGE}: the least is more than the most.")
    return low, high


def _length(value: Any) -> int:
    text = str(value) if type(value) in {int, str} else ""
    if not _LENGTH.fullmatch(text):
        raise InvalidPolicyDocument("Invalid Policy: Invalid JSON.")
    return int(text)


def _holds(condition: Condition, fields: Mapping[str, str]) -> bool:
    if condition.field is None or condition.field not in fields:
        return False
    value = fields[condition.field]
    if condition.operator == "eq":
        return value == condition.value
    if condition.field == "content-type":
        # A comma there makes a list, of which each has to start so.
        return all(part.strip(" ").startswith(condition.value) for part in value.split(","))
    return value.startswith(condition.value)


def _folded(value: Any) -> str | None:
    return value.lower() if isinstance(value, str) else None

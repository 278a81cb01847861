"""What the error of a driver says: whether to ask again, and what of it may be told."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

_LOST = {2006, 2013, 4031, 1927}
_OTHER_SHAPE = {1054, 1142, 1143, 1146}
"""Unknown columns and tables, and those that may not be read any more."""


def is_lost(error: DBAPIError) -> bool:
    """Say whether the connection is gone, so that another may do."""
    return error.connection_invalidated or _number(error) in _LOST


def is_about_shape(error: DBAPIError) -> bool:
    """Say whether the tables are not, or no longer, those the query was made for."""
    return _number(error) in _OTHER_SHAPE or "no such" in str(error.orig)


def named(error: BaseException) -> str:
    """Name an error by type and number; its text too where it is about connecting, else that may quote a key."""
    if not isinstance(error, DBAPIError):
        return type(error).__name__
    cause = type(error.orig).__name__
    number = _number(error)
    if number is None:
        return cause
    if error.statement:
        return f"{cause} {number}"
    origin = error.orig.__cause__ if error.orig is not None else None
    return f"{cause} {error.orig}" if origin is None else f"{cause} {error.orig}: {origin}"


def _number(error: DBAPIError) -> int | None:
    arguments = getattr(error.orig, "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], int) else None

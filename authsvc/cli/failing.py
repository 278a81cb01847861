"""How a command fails: one clear line a problem, and an exit status that says so."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from authsvc.errors import AuthError
from authsvc.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def told_in_one_line() -> Iterator[None]:
    """Turn what an operator can mend into lines on standard error and exit status 1."""
    try:
        yield
    except SettingsError as error:
        fail(*error.problems)
    except AuthError as error:
        field = error.detail.get("field")
        said = error.message if field is None else f"{field}: {error.message}"
        fail(*error.detail.get("reasons", [said]))
    except RecursionError:
        fail("what was read nests too deep")
    except UnicodeDecodeError as error:
        fail(f"what was read is not text in UTF-8, from byte {error.start} on")
    except (ValueError, OSError) as error:
        fail(*str(error).splitlines() or [type(error).__name__])
    except Exception as error:
        from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 - most commands have no database

        if not isinstance(error, SQLAlchemyError):
            raise
        number = getattr(getattr(error, "orig", None), "args", ("",))[0]
        fail(f"the database did not do it: {type(error).__name__} {number}")


def fail(*problems: str) -> None:
    """Print the problems, a line each whatever somebody else's words in them hold, and exit with status 1."""
    for problem in problems:
        click.echo(f"authsvc: {''.join(map(_shown, problem))}", err=True)
    raise SystemExit(1)


def _shown(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()

"""Reading a face's own table in a caller's entry, by a schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from marshmallow import RAISE, Schema, ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Table(Schema):
    """A table in which every key must be known."""

    class Meta:
        """marshmallow's own place for this."""

        unknown = RAISE


def read_table(schema: Table, table: Mapping[str, Any]) -> Any:
    """Return what the schema makes of the table.

    Raises:
        ValueError: One line for every problem.
    """
    try:
        return schema.load(table)
    except ValidationError as error:
        raise ValueError("\n".join(_lines((), error.messages))) from None


def _lines(place: tuple[str, ...], messages: Any) -> Iterator[str]:
    if isinstance(messages, dict):
        for name, inner in messages.items():
            yield from _lines(place if name == "_schema" else (*place, str(name)), inner)
    else:
        yield from (f"{'.'.join(place)}: {message}" for message in messages)

"""What every command's help ends with: what it reads from the environment, and what its exit status says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

READS_NOTHING: Final = frozenset(
    {"demo", "edge-keys new-signer", "metrics", "settings", "tokens new", "tokens password"}
)
"""Commands that work without a setting."""

STATUSES: Final[Mapping[str, tuple[str, str]]] = {
    "check": ("it could serve", "it could not: see the lines that begin with fail"),
    "explain": ("the signature matches, or there was no secret to try", "it does not match, or is refused"),
    "health": ("yes", "no, or nobody answered"),
    "serve": ("it was told to end, and has drained", "it could not serve, or was told twice"),
}
"""What 0 and 1 mean, where it is not that it was done or has failed."""

_DONE: Final = ("done", "it failed: standard error says why, a line a problem")


def with_endings(command: click.Command, name: str) -> click.Command:
    """Give the command of this name, or each below it, its last paragraphs."""
    for full, each in _leaves(command, name):
        each.epilog = ending(full)
    return command


def ending(name: str) -> str:
    """Write the last paragraphs of the command with this name, as click wants them."""
    done, failed = STATUSES.get(name, _DONE)
    reads = (
        []
        if name in READS_NOTHING
        else ["\b\nEnvironment:\n  AUTHSVC_*  the settings; `authsvc settings` lists them"]
    )
    statuses = f"\b\nExit status:\n  0  {done}\n  1  {failed}\n  2  its options or arguments were wrong"
    return "\n\n".join([*reads, statuses])


def _leaves(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for inner, each in command.commands.items():
            yield from _leaves(each, f"{name} {inner}")
    else:
        yield name, command

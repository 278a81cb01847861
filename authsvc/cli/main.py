"""The commands, listed."""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import click

from authsvc import __version__, is_compiled
from authsvc.cli.endings import with_endings

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMANDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "demo": (
            "demo:demo",
            "Run on an embedded directory in memory, ask three questions over HTTP, and show the answers.",
        ),
        "serve": ("serve:serve", "Run the service from AUTHSVC_* until SIGTERM, which drains it."),
        "check": (
            "check:check",
            "Try the settings out: connect to everything, probe the schema, decrypt secrets, compare clocks.",
        ),
        "health": (
            "health:health",
            "Ask the ops port whether the service is alive; exit status 0 says yes.",
        ),
        "explain": (
            "explain:explain_command",
            "Show how a request is read and signed, and if its signature does not match, why.",
        ),
        "tokens": ("tokens:tokens", "Make tokens for the callers file."),
        "users": ("users:users", "Manage the users of the directory authsvc owns."),
        "certificates": (
            "certificates:certificates",
            "Show, revoke and carry over the certificates by which users sign SOAP messages.",
        ),
        "regions": (
            "regions:regions",
            "Show the registry of regions; change it where authsvc owns the directory.",
        ),
        "edge-keys": (
            "edge_keys:edge_keys",
            "Export public keys for edge regions, which verify V4A with them and hold no secret.",
        ),
        "forget": (
            "forget:forget",
            "Make every cache of the region drop ACCESS_KEY, so that the database is asked for it again.",
        ),
        "migrate": (
            "users:migrate",
            "Make the tables authsvc owns, or bring them up to date; CloudStack's are never touched.",
        ),
        "settings": (
            "settings:settings",
            "Print every setting as a Markdown table, the one in docs/operations.md.",
        ),
        "metrics": (
            "metrics:metrics",
            "Print every metric of the ops port as a Markdown table, the one in docs/metrics.md.",
        ),
    }
)
"""Where each command is, in its module of ``cli``, and what a list of them says of it."""


class Listed(click.Group):
    """Commands that are imported when they are asked for by name; a list of them, or a completion, needs none."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command; where what it prints cannot be written, say so."""
        try:
            return super().main(*args, **extra)
        except OSError as error:
            # By itself, because what the other failures need takes longer to import than a list to print.
            click.echo(f"authsvc: {error}", err=True)
            raise SystemExit(1) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, and import it."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, None if listed is None or name is None else self.load(name), rest

    def load(self, name: str) -> click.Command:
        """Put the command itself in the place of its line in the list."""
        module, _, attribute = COMMANDS[name][0].partition(":")
        command: click.Command = getattr(import_module(f"authsvc.cli.{module}"), attribute)
        self.commands[name] = with_endings(command, name)
        return command


_VERSION: Final = "%(prog)s, version %(version)s" + (" (compiled)" if is_compiled() else "")


@click.group(
    cls=Listed,
    commands={name: click.Command(name, help=line) for name, (_, line) in COMMANDS.items()},
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message=_VERSION)
def main() -> None:
    """Who does this API key belong to, and did that user sign this request?

    \b
    Example:
      authsvc demo             see it work, with nothing else installed
      authsvc check            would it serve with the settings given?
      authsvc serve            run it
    """


def whole() -> click.Group:
    """Return the command line with every command imported, for who describes all of it."""
    for name in COMMANDS:
        main.load(name)
    return main

"""The commands, listed."""

from __future__ import annotations

import click

from authsvc import __version__
from authsvc.cli.certificates import certificates
from authsvc.cli.check import check
from authsvc.cli.demo import demo
from authsvc.cli.edge_keys import edge_keys
from authsvc.cli.explain import explain_command
from authsvc.cli.forget import forget
from authsvc.cli.health import health
from authsvc.cli.metrics import metrics
from authsvc.cli.regions import regions
from authsvc.cli.serve import serve
from authsvc.cli.settings import settings
from authsvc.cli.tokens import tokens
from authsvc.cli.users import migrate, users


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
def main() -> None:
    """Who does this API key belong to, and did that user sign this request?

    \b
    Example:
      authsvc demo             see it work, with nothing else installed
      authsvc check            would it serve with the settings given?
      authsvc serve            run it
    """


for command in (
    demo,
    serve,
    check,
    health,
    explain_command,
    tokens,
    users,
    certificates,
    regions,
    edge_keys,
    forget,
    migrate,
    settings,
    metrics,
):
    main.add_command(command)

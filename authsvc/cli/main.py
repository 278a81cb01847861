"""The commands, listed."""

from __future__ import annotations

import click

from authsvc import __version__
from authsvc.cli.serve import serve
from authsvc.cli.tokens import tokens


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
def main() -> None:
    r"""Who does this API key belong to, and did that user sign this request?

    \b
    Example:
      authsvc demo             see it work, with nothing else installed
      authsvc check            would it serve with the settings given?
      authsvc serve            run it
    """


for command in (serve, tokens):
    main.add_command(command)

"""The command line: ``authsvc …``."""

from authsvc.cli.main import main

__all__ = ["main"]

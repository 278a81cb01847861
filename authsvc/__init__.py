"""Who does this API key belong to, and did that user sign this request?"""

import importlib.util
import logging

__version__ = "0.1.0.dev0"

# Only `serve` wants log records; elsewhere Python would print them between a command's own lines.
logging.getLogger(__name__).addHandler(logging.NullHandler())


def is_compiled() -> bool:
    """Say whether what a verification passes through is compiled here (docs/adr/0026-compiled.md)."""
    spec = importlib.util.find_spec("authsvc.signing")
    return spec is not None and spec.origin is not None and not spec.origin.endswith(".py")

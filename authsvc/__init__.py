"""Who does this API key belong to, and did that user sign this request?"""

import logging

__version__ = "0.1.0.dev0"

# Only `serve` wants log records; elsewhere Python would print them between a command's own lines.
logging.getLogger(__name__).addHandler(logging.NullHandler())

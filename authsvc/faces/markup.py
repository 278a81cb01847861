"""Text that XML 1.0 can hold."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, not even escaped."""


def xml_text(text: str) -> str:
    """Escape the text for an element's content, and drop what cannot be written at all."""
    return escape(_NOT_XML.sub("", text))

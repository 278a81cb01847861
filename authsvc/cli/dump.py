"""A request as people have it at hand: a raw HTTP dump, or the lines ``curl -v`` printed."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from authsvc.errors import Malformed
from authsvc.signing import SignedRequest

_REQUEST_LINE = re.compile(r"(\S+) (\S+)(?: HTTP/[\d.]+)?")


def read_dump(text: str) -> SignedRequest:
    """Read a request line, headers, an empty line and a body; in ``curl -v`` output, the lines it sent.

    Raises:
        Malformed: There is no request in it.
    """
    if re.search(r"^> ", text, re.MULTILINE):
        text = "\n".join(line[1:].removeprefix(" ") for line in text.splitlines() if line.startswith(">"))
    head, _, body = text.replace("\r\n", "\n").partition("\n\n")
    lines = head.strip("\n").split("\n")
    first = _REQUEST_LINE.fullmatch(lines[0].strip())
    if first is None:
        raise Malformed("a request begins with METHOD TARGET HTTP/1.1")
    headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            raise Malformed(f"not a header: {line[:40]!r}")
        headers.append((name.strip(), value.strip()))
    target = first[2]
    if not target.startswith("/"):
        absolute = urlsplit(target)
        target = target.partition("://")[2].partition("/")[2]
        target = f"/{target}"
        if not any(name.lower() == "host" for name, _ in headers):
            headers.append(("Host", absolute.netloc))
    return SignedRequest(
        method=first[1], target=target, headers=tuple(headers), body=body.encode() if body else None
    )

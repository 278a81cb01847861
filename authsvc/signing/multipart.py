"""A browser's upload form (``multipart/form-data``, RFC 7578), read to the letter up to the file.

Only what comes before the file counts, and only that much has to be here: the caller may cut the body anywhere
inside the file. What two programs could read in two ways (a preamble, a repeated field, a header that changes the
encoding) is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authsvc.errors import DuplicateParameter, MalformedForm, MissingParameter

if TYPE_CHECKING:
    from authsvc.signing.request import SignedRequest

FILE: Final = "file"
_TYPE: Final = "multipart/form-data"
_BOUNDARY: Final = re.compile(
    r"multipart/form-data;[ \t]*(?:charset=\"?utf-8\"?;[ \t]*)?"
    r"boundary=(?:([0-9A-Za-z'()+_,\-./:=?]{1,70})|\"([0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?])\")"
    r"(?:;[ \t]*charset=\"?utf-8\"?)?",
    re.ASCII | re.IGNORECASE,
)
_HEADER: Final = re.compile(
    r"([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)", re.ASCII
)
_DISPOSITION: Final = re.compile(
    r"form-data"
    r"(?:;[ \t]*name=(?:\"(?P<name>[!#-\[\]-~]{1,256})\"|(?P<bare>[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256})))"
    r"(?:;[ \t]*filename=(?:\"(?P<filename>(?:[^\"\\]|\\.)*)\"|(?P<barefile>[^\s\";\\]+)))?"
    r"(?P<extended>;[ \t]*filename\*=[^\s\";]+)?"
)
_PLAIN: Final = frozenset({"7bit", "8bit", "binary"})
_LONGEST_HEAD: Final = 4096
_MOST_FIELDS: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What a form says before its file.

    Attributes:
        fields: Values by lower-case name, in order.
        filename: The file's name as the browser gave it, without its path; None where only an encoded one was.
        size: Bytes of the file; None where the body was cut before its end.
    """

    fields: Mapping[str, str]
    filename: str | None
    size: int | None


def is_form(request: SignedRequest) -> bool:
    """Say whether a body came along that calls itself such a form."""
    if request.method != "POST" or not request.body:
        return False
    return any(value[: len(_TYPE)].lower() == _TYPE for value in request.fields.get("content-type", ()))


def read_form(request: SignedRequest) -> Form:
    """Read the fields up to the file.

    Raises:
        MalformedForm: It is no such form, or can be read in two ways.
        DuplicateParameter: A field is given twice, be it in another case.
        MissingParameter: It ends without a file.
    """
    content_type = _BOUNDARY.fullmatch(request.header("content-type") or "")
    if content_type is None:
        raise MalformedForm("the Content-Type names no boundary, or more than that")
    body = request.body or b""
    delimiter = b"\r\n--" + (content_type[1] or content_type[2]).encode()
    if not body.startswith(delimiter[2:]):
        raise MalformedForm("the form does not begin with its boundary")
    fields: dict[str, str] = {}
    place = len(delimiter) - 2
    while body[place : place + 2] != b"--":
        if body[place : place + 2] != b"\r\n":
            raise MalformedForm
        name, filename, start = _head(body, place)
        if name == FILE:
            return Form(fields=fields, filename=filename, size=_size(body, start, delimiter))
        end = body.find(delimiter, start)
        if end < 0:
            raise MalformedForm("the form breaks off before its file")
        if name in fields:
            raise DuplicateParameter(f"the field {name} is given more than once", argument_name=name)
        if len(fields) == _MOST_FIELDS:
            raise MalformedForm("the form has too many fields")
        fields[name] = _text(body[start:end])
        place = end + len(delimiter)
    raise MissingParameter("POST requires exactly one file upload per request.", argument_name=FILE)


def _size(body: bytes, start: int, delimiter: bytes) -> int | None:
    """Return how long the file is, None where the body was cut before that could be known."""
    end, length = body.find(delimiter, start), len(delimiter)
    while end >= 0 and body[end + length : end + length + 2] not in {b"--", b"\r\n"}:
        end = body.find(delimiter, end + 1)
    return None if end < 0 else end - start


def _head(body: bytes, place: int) -> tuple[str, str | None, int]:
    """Read a part's headers; return its lower-case name, its file's name, and where its content begins."""
    end = body.find(b"\r\n\r\n", place, place + _LONGEST_HEAD)
    if end < 0:
        raise MalformedForm("the form breaks off before its file")
    headers: dict[str, str] = {}
    for line in _text(body[place:end]).split("\r\n")[1:]:
        match = _HEADER.fullmatch(line)
        if match is None or match[1].lower() in headers:
            raise MalformedForm("a part's header cannot be read")
        headers[match[1].lower()] = match[2].rstrip(" \t")
    if headers.get("content-transfer-encoding", "binary").lower() not in _PLAIN:
        raise MalformedForm("a part is encoded once more")
    match = _DISPOSITION.fullmatch(headers.get("content-disposition", ""))
    if match is None or (match["extended"] and match["filename"] is not None):
        raise MalformedForm("a part's Content-Disposition cannot be read in one way only")
    filename = match["barefile"] if match["filename"] is None else match["filename"]
    if filename is None and not match["extended"]:
        filename = ""
    return (match["name"] or match["bare"]).lower(), _base_name(filename), end + 4


def _base_name(filename: str | None) -> str | None:
    """Cut the path that some browsers send along."""
    return None if filename is None else re.split(r"[/\\]", filename)[-1]


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise MalformedForm("a field is not UTF-8") from None

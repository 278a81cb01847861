"""A signed request changed in one place: everywhere its signature reaches, and where a reader sees no difference.

Knows the grammar of each scheme but none of authsvc's code for it, so what it expects is a second opinion.
"""

from __future__ import annotations

import dataclasses
import re
import string
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from authsvc.signing import SignedRequest

    Make = Callable[[Random], SignedRequest]

SUB_RESOURCES = frozenset({"acl", "uploadId", "partNumber", "uploads", "versionId", "response-content-type"})
"""Those of Signature V2's list that occur here."""

V2_OWN = frozenset({"AWSAccessKeyId", "Expires", "Signature"})
OTHER_KEY = "AKIAI44QH8DHBEXAMPLE"
"""Somebody else's access key, who has to be in the directory."""

FORM = "application/x-www-form-urlencoded"

_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_UNRESERVED = re.compile(r"(?<![%0-9A-Fa-f])(?<!%[0-9A-Fa-f])[A-Za-z0-9_~-]")
_WORD = re.compile(r"[A-Za-z0-9]")


class Place(NamedTuple):
    """Where a request can be changed, and whether everybody reads the changed one as the same request."""

    what: str
    same: bool
    make: Make


def kind_of(request: SignedRequest) -> str:
    """Name scheme and place of the signature, by the marks a client puts there."""
    for value in request.fields.get("authorization", ()):
        if value.startswith(("AWS4-", "AWS ")):
            return "v4-header" if value.startswith("AWS4-") else "v2-header"
    query = request.query or ""
    if "X-Amz-Signature=" in query:
        return "v4-query"
    if {"apikey", "signature"} <= {part.partition("=")[0].lower() for part in query.split("&")}:
        return "cloudstack"  # whatever body comes along, as it is no form
    if any(value.lower().startswith("multipart/") for value in request.fields.get("content-type", ())):
        return "upload-form"
    if "AWSAccessKeyId=" in f"{query}&{form_of(request)}":
        return "query-api" if "SignatureVersion=" in f"{query}&{form_of(request)}" else "v2-query"
    return "cloudstack"


def form_of(request: SignedRequest) -> str:
    """Return the body where it is a form, and nothing where it is not."""
    types = [value.partition(";")[0].strip().lower() for value in request.fields.get("content-type", ())]
    return (request.body or b"").decode("latin-1") if FORM in types else ""


class _Reading:
    """What the mutations need to know of a request."""

    def __init__(self, request: SignedRequest) -> None:
        self.request = request
        self.kind = kind_of(request)
        self.form = form_of(request) if self.parameters_alone else ""
        self.pairs = [part.partition("=") for part in (self.form or request.query or "").split("&") if part]
        self.headers = list(request.headers)
        self.names = [name.lower() for name, _ in self.headers]
        everything = request.target + " ".join(value for _, value in self.headers)
        listed = re.search(r"SignedHeaders=([^&,\s]+)", everything)
        self.listed = set(unquote(listed[1]).split(";")) if listed else set()
        self.s3 = "/s3/aws4_request" in unquote(everything)

    @property
    def parameters_alone(self) -> bool:
        """Say whether parameters are all that is signed, and their form all that counts of the headers."""
        return self.kind in {"cloudstack", "query-api"}

    def signs_header(self, name: str) -> bool:
        if self.parameters_alone:
            return (name == "content-type" and bool(self.form)) or (
                name == "host" and self.kind == "query-api"
            )
        if self.kind.startswith("v4"):
            return name in self.listed or (self.kind == "v4-header" and name == "x-amz-content-sha256")
        if name == "date":
            return self.kind == "v2-header" and "x-amz-date" not in self.names
        return name in {"content-type", "content-md5"} or name.startswith("x-amz-")

    def signs_parameter(self, name: str) -> bool:
        if not self.kind.startswith("v2"):
            return True
        return name in SUB_RESOURCES | V2_OWN or name.startswith("x-amz-")

    def with_pairs(self, pairs: list[tuple[str, str, str]]) -> SignedRequest:
        text = "&".join("".join(part) for part in pairs)
        if self.form:
            return dataclasses.replace(self.request, body=text.encode("latin-1"))
        path = self.request.path
        return dataclasses.replace(self.request, target=f"{path}?{text}" if text else path)

    def with_path(self, path: str) -> SignedRequest:
        query = self.request.query
        return dataclasses.replace(self.request, target=path if query is None else f"{path}?{query}")

    def with_headers(self, headers: list[tuple[str, str]]) -> SignedRequest:
        return dataclasses.replace(self.request, headers=tuple(headers))

    def with_header(self, index: int, value: str) -> SignedRequest:
        changed = list(self.headers)
        changed[index] = (changed[index][0], value)
        return self.with_headers(changed)


def places(request: SignedRequest) -> list[Place]:
    """List every place in which the request can be changed."""
    read = _Reading(request)
    found = [*_method(read), *_path(read), *_query(read), *_headers(read), *_more(read)]
    if read.kind.endswith("-header"):
        found += _authorization(read)
    return found


def other(character: str, random: Random) -> str:
    """Choose another letter or digit of its kind, and never the same letter in the other case."""
    pool = string.digits if character.isdigit() else string.ascii_lowercase
    chosen = random.choice(pool.replace(character.lower(), ""))
    return chosen.upper() if character.isupper() else chosen


def changed(text: str, random: Random) -> str:
    """Change one letter or digit, outside of escapes; put one there if there is none."""
    spots = [found.start() for found in _WORD.finditer(_ESCAPE.sub("___", text))]
    if not spots:
        return text + random.choice(string.ascii_lowercase)
    at = random.choice(spots)
    return text[:at] + other(text[at], random) + text[at + 1 :]


def escaped(text: str, random: Random) -> str:
    """Escape one character that needs no escape."""
    spots = [found.start() for found in _UNRESERVED.finditer(text)]
    if not spots:
        return text
    at = random.choice(spots)
    return f"{text[:at]}%{ord(text[at]):02X}{text[at + 1 :]}"


def _lower_escapes(text: str) -> str:
    return _ESCAPE.sub(lambda found: found[0].lower(), text)


def _method(read: _Reading) -> Iterator[Place]:
    method = read.request.method
    free = read.kind == "cloudstack"

    def to(name: str) -> Make:
        return lambda _: dataclasses.replace(read.request, method=name)

    if not (free and read.request.body):
        yield Place("method: another", free, to("PUT" if method != "PUT" else "GET"))
        yield Place("method: HEAD for GET", free, to("GET" if method == "HEAD" else "HEAD"))
        yield Place("method: lower case", free, to(method.lower()))


def _path(read: _Reading) -> Iterator[Place]:
    path = read.request.path
    free = read.kind == "cloudstack"
    v4, normal = read.kind.startswith("v4"), read.kind.startswith("v4") and not read.s3

    def edit(make: Callable[[Random], str]) -> Make:
        return lambda random: read.with_path(make(random))

    yield Place("path: a letter", free, edit(lambda r: "/" + changed(path[1:], r)))
    yield Place("path: one more segment", free, edit(lambda _: path.rstrip("/") + "/x"))
    yield Place("path: a dot segment", free or normal, edit(lambda _: "/." + path))
    yield Place("path: there and back", free or normal, edit(lambda _: "/x/.." + path))
    yield Place("path: a slash doubled", free or normal, edit(lambda _: "/" + path))
    yield Place("path: an escape escaped", free, edit(lambda _: path + "%2520"))
    yield Place("path: NUL", free, edit(lambda _: path + "%00"))
    yield Place("path: overlong UTF-8", free, edit(lambda _: path + "%C0%AE"))
    if path.swapcase() != path and not _ESCAPE.search(path):
        yield Place("path: letters in the other case", free, edit(lambda _: path.swapcase()))
    if "%20" in path:
        yield Place("path: + for %20", free, edit(lambda _: path.replace("%20", "+")))
    if "//" in path[1:]:
        collapsed = re.sub("//+", "/", path)
        yield Place("path: slashes collapsed", free or normal, edit(lambda _: collapsed))
    if "/../" in path:
        shorter = re.sub(r"/[^/]+/\.\./", "/", path, count=1)
        if shorter != path:
            yield Place("path: dots resolved", free or normal, edit(lambda _: shorter))
    # V2 signs the path as sent; the others encode what they decoded (S3), or once more what was sent.
    same = free or (v4 and read.s3)
    if _lower_escapes(path) != path:
        yield Place("path: escapes in lower case", same, edit(lambda _: _lower_escapes(path)))
    if _UNRESERVED.search(path):
        yield Place("path: a needless escape", same, edit(lambda r: escaped(path, r)))


def _query(read: _Reading) -> Iterator[Place]:
    for index, (name, mark, value) in enumerate(read.pairs):
        signed = read.signs_parameter(name)
        cloudstack = read.kind == "cloudstack"

        def put(*pairs: tuple[str, str, str], at: int = index) -> SignedRequest:
            return read.with_pairs([*read.pairs[:at], *pairs, *read.pairs[at + 1 :]])

        def value_by(make, put=put, name=name, mark=mark, value=value) -> Make:
            return lambda random: put((name, mark or "=", make(value, random)))

        yield Place(f"query: value of {name}", not signed, value_by(changed))
        yield Place(f"query: {name} longer", not signed, value_by(lambda v, _: v + "x"))
        yield Place(f"query: NUL in {name}", not signed, value_by(lambda v, _: v + "%00"))
        yield Place(f"query: {name} left out", not signed, lambda _, put=put: put())
        yield Place(
            f"query: {name} twice", not signed, lambda _, put=put, pair=(name, mark, value): put(pair, pair)
        )
        if signed or name not in V2_OWN:
            yield Place(
                f"query: {name} misspelt",
                not signed,
                lambda _, put=put, n=name, v=value: put((f"{n}z", "=", v)),
            )
        if _UNRESERVED.search(value) and name != "X-Amz-Signature":
            yield Place(f"query: {name} needlessly escaped", True, value_by(escaped))
        if value != _lower_escapes(value):
            yield Place(f"query: {name} in lower escapes", True, value_by(lambda v, _: _lower_escapes(v)))
        if "%20" in value:
            yield Place(f"query: + in {name}", True, value_by(lambda v, _: v.replace("%20", "+")))
        cased = value.swapcase() != value and not _ESCAPE.search(value)
        if cloudstack and cased and name not in {"apiKey", "signature", "expires"}:
            yield Place(f"query: {name} in other case", True, value_by(lambda v, _: v.swapcase()))
    if len(read.pairs) > 1:
        yield Place("query: another order", True, lambda r: read.with_pairs(_shuffled(read, r)))
    v2 = read.kind.startswith("v2")
    yield Place("query: one more", v2, lambda _: read.with_pairs([*read.pairs, ("zz", "=", "1")]))
    yield Place("query: one more, signed", False, lambda _: read.with_pairs([*read.pairs, ("acl", "", "")]))
    yield Place(
        "query: an empty part",
        True,
        lambda _: read.with_pairs([("", "", ""), *read.pairs, ("", "", "")]),
    )


def _shuffled(read: _Reading, random: Random) -> list[tuple[str, str, str]]:
    return random.sample(read.pairs, len(read.pairs))


def _headers(read: _Reading) -> Iterator[Place]:
    for index, (name, value) in enumerate(read.headers):
        folded = name.lower()
        if folded == "authorization":
            continue
        signed = read.signs_header(folded)
        if folded == "host" and not signed:
            continue

        def put(*headers: tuple[str, str], at: int = index) -> SignedRequest:
            return read.with_headers([*read.headers[:at], *headers, *read.headers[at + 1 :]])

        free = not signed
        # An unsigned x-amz-content-sha256 beside a presigned request may say what was signed, and nothing else.
        if free and folded.startswith("x-amz-"):
            continue
        yield Place(
            f"header: value of {folded}",
            free,
            lambda r, put=put, n=name, v=value: put((n, changed(v, r))),
        )
        if value or not read.kind.startswith("v2"):
            yield Place(f"header: {folded} left out", free, lambda _, put=put: put())
        yield Place(
            f"header: {folded} twice",
            free,
            lambda _, put=put, n=name, v=value: put((n, v), (n.swapcase(), v)),
        )
        yield Place(
            f"header: {folded} in other case",
            True,
            lambda _, put=put, n=name, v=value: put((n.swapcase(), v)),
        )
        yield Place(
            f"header: blanks around {folded}", True, lambda _, put=put, n=name, v=value: put((n, f" \t{v} "))
        )
        if " " in value.strip():
            wider = value.replace(" ", "   ")
            counts = read.kind.startswith("v2") or folded in {"date", "x-amz-date"}
            same = free or not counts
            yield Place(f"header: blanks in {folded}", same, lambda _, put=put, n=name, v=wider: put((n, v)))


def _more(read: _Reading) -> Iterator[Place]:
    ignored = read.parameters_alone

    def plus(name: str, value: str) -> Make:
        return lambda _: read.with_headers([*read.headers, (name, value)])

    yield Place("header: an unsigned one more", True, plus("X-Forwarded-Host", "evil.example"))
    yield Place("header: x-amz one more", ignored, plus("x-amz-acl2", "public-read"))
    yield Place("header: x-amz one more, empty", ignored, plus("x-amz-copy-source", ""))
    yield Place("header: x-amz one more, aliased", ignored, plus("X_Amz_Copy_Source", "/secret/k"))
    yield Place("header: a token", read.kind == "cloudstack", plus("X-Amz-Security-Token", "token"))
    yield Place("header: headers in another order", True, lambda _: read.with_headers(read.headers[::-1]))
    if read.kind != "cloudstack":
        yield Place(
            "header: a second host",
            read.kind.startswith("v2"),
            plus("HOST", "evil.example"),
        )
        yield Place("header: a second mechanism", False, plus("Authorization", "Bearer token"))
        yield Place(
            "query: a second mechanism",
            False,
            lambda _: read.with_pairs(
                [
                    *read.pairs,
                    ("X-Amz-Credential" if read.kind == "v4-header" else "AWSAccessKeyId", "=", OTHER_KEY),
                ]
            ),
        )


def _authorization(read: _Reading) -> Iterator[Place]:
    index = read.names.index("authorization")
    value = read.headers[index][1]

    def to(what: str, text: str | Callable[[Random], str]) -> Place:
        def make(random: Random) -> SignedRequest:
            return read.with_header(index, text if isinstance(text, str) else text(random))

        return Place(f"authorization: {what}", False, make)

    mark = ":" if read.kind == "v2-header" else "Signature="
    if mark not in value:
        return
    start = value.rindex(mark) + len(mark)
    made = value[start:]
    yield to("a digit of the signature", lambda r: value[:start] + changed(made, r))
    yield to("signature shorter", value[:-1])
    yield to("signature longer", value + "0")
    yield to("signature in other case", value[:start] + made.swapcase())
    yield to("no signature", value[:start])
    yield to("somebody else's key", re.sub(r"(Credential=|AWS )[^/:]+", rf"\g<1>{OTHER_KEY}", value))
    yield to("a key nobody has", re.sub(r"(Credential=|AWS )", r"\g<1>X", value, count=1))
    yield to("algorithm misspelt", value.replace(" ", "X ", 1))
    yield to("no blank after the algorithm", value.replace(" ", "", 1))
    yield Place(
        "authorization: twice", False, lambda _: read.with_headers([*read.headers, ("AUTHORIZATION", value)])
    )
    if read.kind == "v4-header":
        yield from _scope(value, to)
        yield from _signed_headers(value, to)


def _scope(value: str, to: Callable[..., Place]) -> Iterator[Place]:
    scope = re.search(r"/(\d{8})/([^/]+)/([^/]+)/(aws4_request)", value)
    if scope:
        for group, name in enumerate(("date", "region", "service", "terminator"), 1):
            left, right = value[: scope.start(group)], value[scope.end(group) :]
            yield to(
                f"scope: {name}",
                lambda r, left=left, right=right, part=scope[group]: left + changed(part, r) + right,
            )


def _signed_headers(value: str, to: Callable[..., Place]) -> Iterator[Place]:
    listed = re.search(r"SignedHeaders=([^,]+)", value)
    if listed:
        names = listed[1].split(";")
        for name in names:
            rest = ";".join(one for one in names if one != name)
            yield to(f"SignedHeaders without {name}", value.replace(listed[1], rest))
        yield to("SignedHeaders backwards", value.replace(listed[1], ";".join(names[::-1]) + ";"))

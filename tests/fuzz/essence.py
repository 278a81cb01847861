"""What a signed request says, by readings of our own: two with the same essence are one request to every reader.

Written from the specifications and sharing nothing with authsvc, so that what is accepted can be held to it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from tests.mutations import SUB_RESOURCES, V2_OWN, form_of, kind_of

if TYPE_CHECKING:
    from authsvc.signing import SignedRequest


def essence(request: SignedRequest) -> Any:
    """Return what was said, in a form to compare."""
    kind = kind_of(request)
    return (kind, *_OF[kind.partition("-")[0]](request, kind), _believed(request, kind))


def _believed(request: SignedRequest, kind: str) -> list[str]:
    """Name what somebody may believe though no signature covers it: marks of identity, and headers like S3's own."""
    if kind == "cloudstack":
        return [name for name in request.fields if name == "authorization"]
    if kind == "query-api":
        return [name for name in request.fields if name in {"authorization", "x-amz-security-token"}]
    marks = ["authorization"] * len(request.fields.get("authorization", ()))
    hosts = ["host"] * len(request.fields.get("host", ())) if kind.startswith("v4") else []
    like = [name for name in request.fields if re.match(r"x[^a-z0-9]amz[^a-z0-9]", name)]
    return [*marks, *hosts, *sorted(set(like) - {"x-amz-content-sha256"})]


def _pairs(text: str) -> list[tuple[bytes, bytes]]:
    """Split and decode as forms are."""
    split = (part.partition("=") for part in text.split("&") if part)
    return [(_decoded(name), _decoded(value)) for name, _, value in split]


def _decoded(text: str) -> bytes:
    return unquote_to_bytes(text.replace("+", " "))


def _values(request: SignedRequest, names: set[str]) -> dict[str, str]:
    """Join the values of each header as V4 does."""
    found: dict[str, list[str]] = {}
    for name, value in request.headers:
        if name.lower() in names:
            found.setdefault(name.lower(), []).append(re.sub("[ \t]+", " ", value.strip(" \t")))
    return {name: ",".join(values) for name, values in found.items()}


def _v4(request: SignedRequest, kind: str) -> tuple[Any, ...]:
    pairs = sorted(_pairs(request.query or ""))
    if kind == "v4-header":
        (authorization,) = request.fields["authorization"]
        said = sorted(re.split(r"[ \t,]+", authorization))
        listed = re.search(r"SignedHeaders=([^,\s]+)", authorization)[1]
    else:
        said = []
        listed = dict(pairs)[b"X-Amz-SignedHeaders"].decode()
    names = {*listed.split(";"), "x-amz-content-sha256"}
    scope = f"{said}{pairs}"
    path = request.path
    if "/s3/" not in scope:
        parts: list[str] = []
        for part in path.split("/"):
            if part == "..":
                del parts[-1:]
            elif part not in {"", "."}:
                parts.append(part)
        # Encoded once more, so that every spelling of an escape is another path.
        plain: Any = "/" + "/".join(parts) + ("/" if parts and path.endswith("/") else "")
        body = request.body or b""
    else:
        plain, body = unquote_to_bytes(path), b""
    values = _values(request, names)
    if kind == "v4-query" and "x-amz-content-sha256" not in listed.split(";"):
        # An unsigned copy of what was signed for may stand there or not.
        values.pop("x-amz-content-sha256", None)
    return request.method, plain, pairs, values, said, body


def _v2(request: SignedRequest, kind: str) -> tuple[Any, ...]:
    pairs = [(name.decode(errors="replace"), value) for name, value in _pairs(request.query or "")]
    signed = {name: value for name, value in pairs if name in SUB_RESOURCES | V2_OWN}
    amz = {name.lower(): value.decode() for name, value in pairs if name.lower().startswith("x-amz-")}
    presigned = kind == "v2-query"
    fields = {name: list(values) for name, values in request.fields.items()}
    if presigned:
        for name, value in amz.items():
            fields.setdefault(name, [value])
    names = {name for name in fields if name.startswith("x-amz-")} | {"content-type", "content-md5"}
    if not presigned:
        names |= {"authorization"} | (set() if "x-amz-date" in fields else {"date"})
    values = {name: ",".join(fields[name]) for name in names if fields.get(name, [""]) != [""]}
    path = request.path
    if re.fullmatch(r"/[^/]+/?", path):
        path = path.rstrip("/")
    return request.method, path, signed, values


def _query_api(request: SignedRequest, _kind: str) -> tuple[Any, ...]:
    pairs = _pairs(request.query or "") + _pairs(form_of(request))
    host = re.sub(r"(?::\d*)+$", "", request.fields["host"][0].lower())
    return request.method, host, request.path, sorted(pairs)


def _cloudstack(request: SignedRequest, _kind: str) -> tuple[Any, ...]:
    pairs = dict(_pairs(request.query or "") + _pairs(form_of(request)))
    named = {name.decode().lower(): value for name, value in pairs.items()}
    exact = named["apikey"], named["signature"], named.get("expires")
    return exact, {name: value.lower() for name, value in named.items()}


def _upload_form(request: SignedRequest, _kind: str) -> tuple[Any, ...]:
    """Take the fields up to the file; the key is whatever the corpus' policies let it be."""
    boundary = re.search(r'boundary="?([^";]+)', request.fields["content-type"][0])[1].encode()
    fields: dict[str, bytes] = {}
    for part in (request.body or b"").split(b"--" + boundary)[1:]:
        head, _, value = part.partition(b"\r\n\r\n")
        name = re.search(rb'[; \t]name="?([^";\r]+)', head)
        if name is None or name[1].lower() == b"file":
            break
        fields[name[1].decode("latin-1").lower()] = value.removesuffix(b"\r\n")
    fields["key"] = fields["key"][: len(b"user/")]
    fields = {name: value for name, value in fields.items() if not name.startswith("x-ignore-")}
    return request.method, request.path.rstrip("/"), request.bucket, fields


_OF = {"upload": _upload_form, "v4": _v4, "v2": _v2, "query": _query_api, "cloudstack": _cloudstack}

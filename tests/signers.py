"""Signers written for the tests alone, from the specification: slow, plain, and sharing nothing with authsvc."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from urllib.parse import quote, unquote_to_bytes

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode

from authsvc.signing import SignedRequest

ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
EMPTY = hashlib.sha256(b"").hexdigest()
STAMP = "20130524T000000Z"
HOST = ("Host", "s3.example.com")
P256_ORDER = 115792089210356248762697446949407573529996955224135760342422259061068512044369


def _encode(text, safe):
    return quote(unquote_to_bytes(text), safe=safe + "-_.~")


def _query(query):
    pairs = [part.partition("=") for part in query.split("&") if part]
    pairs = sorted((_encode(name, ""), _encode(value, "")) for name, _, value in pairs)
    return "&".join(f"{name}={value}" for name, value in pairs)


def v4_text(
    method, target, headers, signed, line, *, scope, stamp=STAMP, double=False, algorithm="AWS4-HMAC-SHA256"
):
    """Write the string to sign."""
    path, _, query = target.partition("?")
    values = {}
    for name, value in headers:
        values.setdefault(name.lower(), []).append(re.sub("[ \t]+", " ", value.strip(" \t")))
    lines = [f"{name}:{','.join(values.get(name, ['']))}\n" for name in signed.split(";")]
    canonical = "\n".join(
        [
            method,
            quote(path, safe="/-_.~") if double else _encode(path, "/"),
            _query(query),
            "".join(lines),
            signed,
            line,
        ]
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return f"{algorithm}\n{stamp}\n{scope}\n{digest}"


def v4_signature(*request, scope, secret=SECRET_KEY, algorithm="AWS4-HMAC-SHA256", **rest):
    """Sign what stands there; ``scope`` is ``date/region/service/terminator``, for V4A without the region."""
    text = v4_text(*request, scope=scope, algorithm=algorithm, **rest)
    if algorithm == "AWS4-ECDSA-P256-SHA256":
        return v4a_private_key(ACCESS_KEY, secret).sign(text.encode(), ec.ECDSA(SHA256())).hex()
    key = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    return hmac.new(key, text.encode(), "sha256").hexdigest()


def v4a_private_key(access_key, secret):
    """Derive by the library's own KDF in counter mode."""
    for counter in range(1, 255):
        kdf = KBKDFHMAC(
            algorithm=SHA256(),
            mode=Mode.CounterMode,
            length=32,
            rlen=4,
            llen=4,
            location=CounterLocation.BeforeFixed,
            label=b"AWS4-ECDSA-P256-SHA256",
            context=access_key.encode() + bytes([counter]),
            fixed=None,
        )
        candidate = int.from_bytes(kdf.derive(("AWS4A" + secret).encode()), "big")
        if candidate <= P256_ORDER - 2:
            return ec.derive_private_key(candidate + 1, ec.SECP256R1())
    raise AssertionError("no key")


def v4_header(
    method="GET",
    target="/bucket/key",
    *,
    headers=(),
    signed=None,
    payload=EMPTY,
    scope="20130524/us-east-1/s3/aws4_request",
    stamp=STAMP,
    access_key=ACCESS_KEY,
    unsigned_headers=(),
    body=None,
    line=None,
    date=None,
    double=False,
    algorithm="AWS4-HMAC-SHA256",
    **rest,
):
    """Sign in the header; all of ``headers`` are signed unless ``signed`` lists others."""
    pairs = [HOST, *((("X-Amz-Date", stamp),) if date is None else (("Date", date),)), *headers]
    if payload is not None:
        pairs.append(("X-Amz-Content-Sha256", payload))
    signed = signed if signed is not None else ";".join(sorted({name.lower() for name, _ in pairs}))
    made = v4_signature(
        method,
        target,
        pairs,
        signed,
        line or payload,
        scope=scope,
        stamp=stamp,
        double=double,
        algorithm=algorithm,
    )
    authorization = f"{algorithm} Credential={access_key}/{scope}, SignedHeaders={signed}, Signature={made}"
    return SignedRequest(
        method=method,
        target=target,
        headers=(*pairs, *unsigned_headers, ("Authorization", authorization)),
        body=body,
        **rest,
    )


def v4_presigned(
    method="GET",
    path="/bucket/key",
    *,
    query="",
    headers=(),
    signed=None,
    expires="600",
    line="UNSIGNED-PAYLOAD",
    scope="20130524/us-east-1/s3/aws4_request",
    stamp=STAMP,
    algorithm="AWS4-HMAC-SHA256",
    unsigned_headers=(),
    tail="",
    double=False,
    **rest,
):
    """Presign; ``query`` is covered, ``tail`` is put on afterwards."""
    pairs = [HOST, *headers]
    signed = signed if signed is not None else ";".join(sorted({name.lower() for name, _ in pairs}))
    parameters = {
        "X-Amz-Algorithm": algorithm,
        "X-Amz-Credential": f"{ACCESS_KEY}/{scope}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": expires,
        "X-Amz-SignedHeaders": signed,
    }
    covered = "&".join(
        ([query] if query else [])
        + [f"{name}={quote(value, safe='')}" for name, value in parameters.items() if value is not None]
    )
    made = v4_signature(
        method,
        f"{path}?{covered}",
        pairs,
        signed,
        line,
        scope=scope,
        stamp=stamp,
        double=double,
        algorithm=algorithm,
    )
    return SignedRequest(
        method=method,
        target=f"{path}?{covered}&X-Amz-Signature={made}{tail}",
        headers=(*pairs, *unsigned_headers),
        **rest,
    )


def v4a_header(method="GET", target="/bucket/key", *, regions="*", headers=(), service="s3", **rest):
    """Sign in the header, for a region set; without one where ``regions`` is None."""
    region_set = () if regions is None else (("X-Amz-Region-Set", regions),)
    return v4_header(
        method,
        target,
        headers=(*headers, *region_set),
        **{"scope": f"20130524/{service}/aws4_request", "algorithm": "AWS4-ECDSA-P256-SHA256"} | rest,
    )


def v4a_presigned(method="GET", path="/bucket/key", *, regions="*", query="", service="s3", **rest):
    """Presign for a region set; without one where ``regions`` is None."""
    region_set = [] if regions is None else [f"X-Amz-Region-Set={quote(regions, safe='')}"]
    return v4_presigned(
        method,
        path,
        query="&".join([*([query] if query else []), *region_set]),
        **{"scope": f"20130524/{service}/aws4_request", "algorithm": "AWS4-ECDSA-P256-SHA256"} | rest,
    )


def v2_signature(text, secret=SECRET_KEY):
    """Sign a V2 string."""
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), "sha1").digest()).decode()


def v2_header(method, target, text, *, headers=(), access_key=ACCESS_KEY, **rest):
    """Send a request whose string to sign is claimed to be ``text``."""
    authorization = f"AWS {access_key}:{v2_signature(text)}"
    return SignedRequest(
        method=method, target=target, headers=(*headers, ("Authorization", authorization)), **rest
    )


def v2_presigned(method, path, text, *, query="", expires="1175139620", headers=(), tail="", **rest):
    """Send a presigned request whose string to sign is claimed to be ``text``."""
    made = quote(v2_signature(text), safe="")
    own = f"AWSAccessKeyId={ACCESS_KEY}&Expires={expires}&Signature={made}"
    target = f"{path}?{query}&{own}{tail}" if query else f"{path}?{own}{tail}"
    return SignedRequest(method=method, target=target, headers=tuple(headers), **rest)


def query_signature(method, host, path, parameters, *, digest="sha256", secret=SECRET_KEY):
    """Sign a Query API's parameters by version 2."""
    pairs = [f"{quote(name, safe='~')}={quote(parameters[name], safe='~')}" for name in sorted(parameters)]
    text = f"{method}\n{host}\n{path}\n{'&'.join(pairs)}"
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), digest).digest()).decode()


def query_api(
    method="GET",
    path="/",
    *,
    host="ec2.example.com:8773",
    signed_host=None,
    digest="sha256",
    without=(),
    extra="",
    **parameters,
):
    """Send a Query API's request, in the query or (by POST) as a form; ``extra`` is put on unsigned."""
    sent = {
        "Action": "DescribeInstances",
        "AWSAccessKeyId": ACCESS_KEY,
        "SignatureMethod": "HmacSHA1" if digest == "sha1" else "HmacSHA256",
        "SignatureVersion": "2",
        "Timestamp": "2013-05-24T00:00:00Z",
        "Version": "2010-08-31",
        **parameters,
    }
    sent = {name: value for name, value in sent.items() if name not in without}
    sent["Signature"] = query_signature(
        method, host.lower() if signed_host is None else signed_host, path, sent, digest=digest
    )
    text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sent.items())
    text += extra
    headers = (("Host", host),) if host else ()
    if method == "POST":
        form = ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
        return SignedRequest(method="POST", target=path, headers=(*headers, form), body=text.encode())
    return SignedRequest(method=method, target=f"{path}?{text}", headers=headers)


def multipart(fields, *, file=b"data", filename="file.txt", boundary="9431149156168", tail=b"", cut=None):
    """Write an upload form; ``fields`` are pairs, ``tail`` stands where the form goes on after its file."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields
    ]
    if file is not None:
        named = "" if filename is None else f'; filename="{filename}"'
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"{named}\r\nContent-Type: text/plain\r\n\r\n'
        parts.append(head.encode() + file + b"\r\n")
    return (b"".join(parts) + tail + f"--{boundary}--\r\n".encode())[:cut]


def posted(fields, *, target="/bucket", headers=(), boundary="9431149156168", bucket=None, **rest):
    """POST an upload form."""
    return SignedRequest(
        method="POST",
        target=target,
        headers=(HOST, ("Content-Type", f"multipart/form-data; boundary={boundary}"), *headers),
        body=multipart(fields, boundary=boundary, **rest),
        bucket=bucket,
    )


def policy_of(fields, conditions, expiration="2013-05-25T00:00:00.000Z", bucket="bucket"):
    """Write a policy that covers every field given, and ``conditions`` besides."""
    covered = [{name: value} for name, value in fields]
    document = {"expiration": expiration, "conditions": [{"bucket": bucket}, *covered, *conditions]}
    return base64.b64encode(json.dumps(document).encode()).decode()


def v4_form(
    *,
    key="user/a.txt",
    fields=(),
    conditions=None,
    uncovered=(),
    policy=None,
    scope="20130524/us-east-1/s3/aws4_request",
    stamp=STAMP,
    expiration="2013-05-25T00:00:00.000Z",
    without=(),
    **rest,
):
    """Sign an upload form by V4; ``conditions`` stand for the one on the key, ``uncovered`` fields have none."""
    own = [
        ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
        ("x-amz-credential", f"{ACCESS_KEY}/{scope}"),
        ("x-amz-date", stamp),
    ]
    conditions = [["starts-with", "$key", "user/"]] if conditions is None else conditions
    text = policy_of([*fields, *own], conditions, expiration) if policy is None else policy
    key_chain = ("AWS4" + SECRET_KEY).encode()
    for part in scope.split("/"):
        key_chain = hmac.new(key_chain, part.encode(), "sha256").digest()
    made = hmac.new(key_chain, text.encode(), "sha256").hexdigest()
    sent = [("key", key), *fields, *uncovered, *own, ("policy", text), ("x-amz-signature", made)]
    return posted([pair for pair in sent if pair[0] not in without], **rest)


def v2_form(*, key="user/a.txt", fields=(), conditions=None, uncovered=(), policy=None, without=(), **rest):
    """Sign an upload form by V2."""
    conditions = [["starts-with", "$key", "user/"]] if conditions is None else conditions
    text = policy_of(fields, conditions) if policy is None else policy
    own = [("AWSAccessKeyId", ACCESS_KEY), ("Policy", text), ("Signature", v2_signature(text))]
    sent = [("key", key), *fields, *uncovered, *own]
    return posted([pair for pair in sent if pair[0] not in without], **rest)

"""CloudStack API requests, signed by the specification and sharing nothing with the code that verifies."""

from __future__ import annotations

import base64
import hmac
from urllib.parse import quote

from authsvc import signing
from authsvc.model import Secret
from authsvc.signing import SignedRequest
from authsvc.signing.cloudstack import CloudStack

SECRET_TEXT = "the secret key"
SECRET = Secret(SECRET_TEXT)
KEY = "the-api-key"
PLAIN = {"apiKey": KEY, "command": "listUsers", "response": "json"}
FORM = ("Content-Type", "application/x-www-form-urlencoded")
STRICT = CloudStack()
LENIENT = CloudStack(lenient=True)


def sign(sent, *, digest="sha1", literal="*", fold=False, secret=SECRET_TEXT):
    """Sign by the specification, sharing nothing with the code; ``literal`` lists what stays unencoded."""
    pairs = sorted(sent.items(), key=lambda pair: pair[0].lower() if fold else pair[0])
    encoded = []
    for name, value in pairs:
        kept = [c if c in literal or (c.isascii() and c.isalnum()) or c in "-_." else None for c in value]
        text = "".join(
            k or "".join(f"%{b:02x}" for b in c.encode()) for k, c in zip(kept, value, strict=True)
        )
        encoded.append(f"{name}={text}")
    made = hmac.new(secret.encode(), "&".join(encoded).lower().encode(), digest).digest()
    return base64.b64encode(made).decode()


def encode(sent):
    return "&".join(f"{quote(name, safe='[]')}={quote(value, safe='')}" for name, value in sent.items())


def get(query, *headers):
    return SignedRequest(method="GET", target=f"/client/api?{query}", headers=headers)


def post(body, *, query="", method="POST", content_type=FORM[1]):
    raw = body if isinstance(body, bytes) else body.encode()
    target = f"/client/api?{query}" if query else "/client/api"
    headers = (("Content-Type", content_type),) if content_type else ()
    return SignedRequest(method=method, target=target, headers=headers, body=raw)


def signed(sent, **how):
    return get(encode({**sent, "signature": sign(sent, **how)}))


def proven(request, scheme=STRICT):
    claim = signing.read((scheme,), request)
    signing.prove((scheme,), claim, SECRET)
    return claim

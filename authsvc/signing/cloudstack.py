"""CloudStack's API signature, over the parameters of query and form (``ApiServer.verifyRequest``)."""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from authsvc.errors import DuplicateParameter, Malformed, MalformedParameters, SignatureMismatch
from authsvc.model import AccessKey
from authsvc.signing import expiry, form
from authsvc.signing.claim import Claim, SchemeName
from authsvc.signing.encoding import decode, require_same

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authsvc.model import Secret
    from authsvc.signing.request import SignedRequest

__all__ = [
    "ALGORITHMS",
    "CLIENTS",
    "SERVER",
    "CloudStack",
    "Spelling",
    "canonical_string",
    "parameters",
    "signature",
]

ALGORITHMS: Final = frozenset({"HmacSHA1", "HmacSHA512"})
_DIGESTS: Final = MappingProxyType({"HmacSHA1": "sha1", "HmacSHA512": "sha512"})
_BY_LENGTH: Final = MappingProxyType({20: "HmacSHA1", 64: "HmacSHA512"})
_MARKS: Final = frozenset({"apikey", "signature"})
_NAME: Final = re.compile(r"[A-Za-z0-9_.\[\]-]+", re.ASCII)
_LONGEST_KEY: Final = 256
_CONFIDENTIAL: Final = re.compile(
    r"password|passphrase|secret|privatekey|token|sessionkey|userdata|credential", re.ASCII
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """How a signer writes the canonical string.

    ``literal`` are the characters of a value it leaves as they are beside letters, digits and ``-._``;
    ``folded`` says it sorts names in lower case, as CloudStack's documentation has it and its server has not.
    """

    literal: str
    folded: bool = False


SERVER: Final = Spelling(literal="*")
"""``java.net.URLEncoder`` and names sorted as sent."""

CLIENTS: Final = (
    Spelling(literal="*~"),  # cs, and cloudmonkey since it keeps the asterisk
    Spelling(literal="~"),  # Go's url.QueryEscape: earlier cloudmonkey
    Spelling(literal="*~[]", folded=True),  # apache-libcloud
)
"""Spellings of published clients. Each decodes to the same parameters, so none adds a forgery."""


def parameters(request: SignedRequest) -> dict[str, str]:
    """Return every parameter of query and form by name, decoded, in the order sent.

    Names are raw in what is signed, so one odd name could stand for several parameters; CloudStack looks names
    up without regard to case, so two that differ in case alone are one name twice.

    Raises:
        DuplicateParameter: A name is given twice, be it in another case.
        MalformedParameters: A name or value can be read in more than one way, or in none.
    """
    found: dict[str, str] = {}
    seen: set[str] = set()
    for encoded_name, encoded_value in form.pairs(request):
        name, value = form.decoded(encoded_name), form.decoded(encoded_value or "")
        if not _NAME.fullmatch(name):
            raise MalformedParameters("a parameter's name holds more than letters, digits and _ . - [ ]")
        folded = name.lower()
        if folded in seen:
            raise DuplicateParameter(f"the parameter {name} is given more than once", argument_name=name)
        seen.add(folded)
        found[name] = value
    return found


def canonical_string(parameters: Mapping[str, str], spelling: Spelling = SERVER) -> str:
    """Write the string to sign: sorted ``name=value`` pairs but ``signature``, all in lower case.

    Names are ASCII and stay as they are; values are percent-encoded, a space as ``%20``.
    """
    names = [name for name in parameters if name.lower() != "signature"]
    names.sort(key=(lambda name: (name.lower(), name)) if spelling.folded else None)
    text = "&".join([f"{name}={_encoded(parameters[name], spelling)}" for name in names])
    if "~" not in spelling.literal:
        text = text.replace("~", "%7e")
    return text.lower()


def _folded(name: str) -> str:
    """Decode a name before its case is lost: Java, too, takes a Kelvin sign for a k."""
    return (decode(name) or "").lower()


def _encoded(value: str, spelling: Spelling) -> str:
    # Most values are a word or a number, which no spelling changes.
    return value if value.isascii() and value.isalnum() else quote(value, safe=spelling.literal)


def signature(secret: Secret, text: str, *, algorithm: str = "HmacSHA1") -> str:
    """Return the signature of a string to sign, Base64; ``algorithm`` is one of ``ALGORITHMS``."""
    key = secret.reveal().encode("utf-8", "surrogatepass")
    return base64.b64encode(hmac.digest(key, text.encode(), _DIGESTS[algorithm])).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudStack:
    """The scheme ``cloudstack``.

    ``algorithms`` are the digests that can be read at all, told apart by the signature's length; which of them
    are accepted is policy's business. ``lenient`` also tolerates the spellings of ``CLIENTS``, which a
    CloudStack server refuses.
    """

    name: SchemeName = field(default="cloudstack", init=False)
    mechanism: str | None = field(default=None, init=False)
    algorithms: frozenset[str] = ALGORITHMS
    lenient: bool = False

    def recognises(self, request: SignedRequest) -> bool:
        """Say whether query or form hold a signature and an API key, and no mark of an AWS scheme."""
        names = form.names(request)
        if len(names) < len(_MARKS) or "AWSAccessKeyId" in names or "X-Amz-Algorithm" in names:
            return False
        return set(map(_folded, names)) >= _MARKS

    def read(self, request: SignedRequest) -> Claim:
        """Take the request apart.

        Raises:
            Malformed: A leaf that says which parameter cannot be read.
        """
        given = parameters(request)
        reserved = {name.lower(): value for name, value in given.items()}
        access_key = _access_key(reserved)
        try:
            presented = reserved.get("signature", "")
            algorithm = self._algorithm(presented)
            expires_at = _expires_at(reserved)
        except Malformed as error:
            error.access_key = access_key
            raise
        spellings = (SERVER, *CLIENTS) if self.lenient else (SERVER,)
        return Claim(
            scheme=self.name,
            access_key=access_key,
            signature=presented,
            strings_to_sign=tuple(dict.fromkeys(canonical_string(given, each) for each in spellings)),
            algorithm=algorithm,
            expires_at=expires_at,
        )

    def prove(self, claim: Claim, secret: Secret) -> None:
        """Return only if the secret's holder made this signature, in any spelling that is tolerated.

        Raises:
            SignatureMismatch: Anybody else did; the detail holds what was signed, never our signature. An
                empty secret proves nothing: everybody has it.
        """
        algorithm = claim.algorithm
        if secret and algorithm in self.algorithms:
            for text in claim.strings_to_sign:
                try:
                    require_same(claim.signature, signature(secret, text, algorithm=algorithm))
                except SignatureMismatch:
                    continue
                return
        raise SignatureMismatch(
            string_to_sign=_concealed(claim.strings_to_sign[0]), signature_provided=claim.signature
        )

    def _algorithm(self, presented: str) -> str:
        """Name the digest by the signature's length."""
        if " " in presented:
            raise MalformedParameters(
                "the signature holds a space where it had a +: a + in a query or form means a space, so the "
                "client has to send it as %2B"
            )
        try:
            decoded = base64.b64decode(presented, validate=True)
        except ValueError:
            raise MalformedParameters("the signature is not Base64") from None
        algorithm = _BY_LENGTH.get(len(decoded))
        if algorithm not in self.algorithms:
            raise MalformedParameters("the signature has not the length of any accepted digest")
        if base64.b64encode(decoded).decode() != presented:
            raise MalformedParameters("the signature is not Base64 in its one canonical form")
        return algorithm


def _access_key(reserved: Mapping[str, str]) -> AccessKey:
    text = reserved.get("apikey", "")
    if not text or len(text) > _LONGEST_KEY or not text.isprintable():
        raise MalformedParameters("apiKey is missing or is no API key")
    return AccessKey(text)


def _expires_at(reserved: Mapping[str, str]) -> float | None:
    """Return when the request ends: only version 3 has an end, and it has to have one."""
    if reserved.get("signatureversion") != "3":
        return None
    text = reserved.get("expires")
    if not text:
        raise MalformedParameters("signatureVersion 3 needs expires")
    seconds = expiry.parse(text)
    if seconds is not None:
        return seconds
    if expiry.parse(text.replace(" ", "+")) is not None:
        raise MalformedParameters(
            "expires holds a space where it had a +: a + in a query or form means a space, so the client has "
            "to send it as %2B"
        )
    raise MalformedParameters(
        "expires is no time in a form CloudStack knows, such as 2030-01-01T00:00:00+0000"
    )


def _concealed(text: str) -> str:
    """Blank what users send to CloudStack in confidence, in a text that is shown to the client."""
    pairs = [part.partition("=") for part in text.split("&")]
    return "&".join(
        f"{name}=(concealed)" if _CONFIDENTIAL.search(name) else f"{name}={value}" for name, _, value in pairs
    )

"""A record in as few bytes as it takes, for the many that are remembered and seldom asked for."""

from __future__ import annotations

import base64
import dataclasses
import struct
import zlib
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import msgspec

from authsvc.cache.record import KINDS, Record, put_together, taken_apart
from authsvc.model import Freshness

if TYPE_CHECKING:
    from collections.abc import Callable

    from authsvc.model import AccessKey, Domain, Principal, Role

MOST_REPEATED: Final = 2048
"""Roles and domains that are kept once for all records; any that come later are written into each of theirs."""

_HEAD: Final = struct.Struct("<ddBB")  # since, as_of, kind, and how many blocks follow
_BLOCK: Final = 16  # bytes; a key is four
_KEY: Final = 4 * _BLOCK
_KEY_TEXT: Final = 86
_ID_TEXT: Final = 36
_APART: Final = 0
"""Stands in the text for an id or a key among the blocks; there is never another number in its place."""

_WINDOW: Final = -11  # raw deflate, with room for the words and a long record
_WORDS: Final = (
    b'"disabled","locked","saml2","ldap","oauth2","America/","Asia/","Europe/","Etc/UTC",null,1,"@example.com"'
    b'[0,null,true,[0,null,null,null,null,[0,".com",null,"UTC",0.0,null,false],[0,1,"enabled"],null,0,[null,'
    b'[0,null,false,[0,"enabled",".com","UTC",1.0,"native",false],[0,0,"enabled"],0,1,[0,null,null,false,true]]'
)
"""What records have in common, the likeliest last; deflate refers to it as if it had gone before (RFC 1950 §2.2)."""


class Packer:
    """Packs and unpacks. The access key is left out, as whoever asks has it; the secret key is in it, in clear.

    ::

        head  blocks                                             text, deflated
              [secret key] [user's id] [account's id] [pair's]   [secret key, public key, ambiguous, user, account,
                                                                  role, domain, key pair]

    An id and a secret key as CloudStack makes them are numbers of 16 and 64 bytes, and stand as such in the
    blocks; roles and domains are shared by many users, and stand as numbers of what is kept here.
    """

    def __init__(self, *, most_repeated: int = MOST_REPEATED) -> None:
        """Begin with nothing repeated."""
        self._most_repeated = most_repeated
        self._numbers: dict[Role | Domain, int] = {}
        self._repeated: list[Role | Domain] = []

    def pack(self, record: Record, since: float) -> bytes:
        """Pack the record, and since when it is known."""
        kind = KINDS.index(record.kind)
        if record.credential is None:
            return _HEAD.pack(since, record.as_of, kind, 0)
        _, secret, public_key, ambiguous, user, account, role, domain, key = taken_apart(record.credential)
        who = record.credential.principal
        blocks: list[bytes] = []
        text = [
            _apart(secret, _key_block, blocks),
            public_key,
            ambiguous,
            [_apart(user[0], _id_block, blocks), *user[1:]],
            [_apart(account[0], _id_block, blocks), *account[1:]],
            self._number(who.account.role, role),
            self._number(who.domain, domain),
            [_apart(key[0], _id_block, blocks), *key[1:]],
        ]
        head = _HEAD.pack(since, record.as_of, kind, sum(map(len, blocks)) // _BLOCK)
        return b"".join((head, *blocks, _deflated(msgspec.json.encode(text))))

    def unpack(self, packed: bytes, access_key: AccessKey) -> tuple[Record, float]:
        """Return the record, and since when it is known.

        Raises:
            ValueError: It was not packed here.
        """
        try:
            since, as_of, kind, count = _HEAD.unpack_from(packed)
            if KINDS[kind] != "held":
                return Record(kind=KINDS[kind], as_of=as_of), since
            text = _HEAD.size + count * _BLOCK
            held = self._held(
                BytesIO(packed[_HEAD.size : text]).read, msgspec.json.decode(_inflated(packed[text:]))
            )
            credential = put_together([access_key, *held], Freshness(as_of=as_of, source="memory"))
        except (struct.error, zlib.error, IndexError, TypeError, AttributeError) as error:
            raise ValueError("not a packed record") from error
        return Record(kind="held", as_of=as_of, credential=credential), since

    def shared(self, principal: Principal) -> Principal:
        """Return the same principal, with the role and the domain that others have."""
        account, domain = principal.account, principal.domain
        return dataclasses.replace(
            principal,
            account=dataclasses.replace(account, role=self._kept(account.role)),
            domain=self._kept(domain),
        )

    def _held(self, take: Callable[[int], bytes], text: list[Any]) -> list[Any]:
        """Return the text with what stands elsewhere in its place; ``take`` gives the next bytes of the blocks."""
        secret, public_key, ambiguous, user, account, role, domain, key = text
        return [
            _key_text(take(_KEY)) if isinstance(secret, int) else secret,
            public_key,
            ambiguous,
            *(
                [_id_text(take(_BLOCK)) if noun[0] == _APART else noun[0], *noun[1:]]
                for noun in (user, account)
            ),
            self._repeated[role] if isinstance(role, int) else role,
            self._repeated[domain] if isinstance(domain, int) else domain,
            [_id_text(take(_BLOCK)) if key[0] == _APART else key[0], *key[1:]],
        ]

    def _number(self, noun: Role | Domain | None, values: list[Any] | None) -> int | list[Any] | None:
        """Return the number by which the noun is kept; its values where no more are."""
        if noun is None:
            return None
        number = self._numbers.get(noun)
        if number is None:
            if len(self._repeated) >= self._most_repeated:
                return values
            number = self._numbers[noun] = len(self._repeated)
            self._repeated.append(noun)
        return number

    def _kept(self, noun: Any) -> Any:
        number = self._numbers.get(noun)
        return noun if number is None else self._repeated[number]


def _apart(text: str | None, block: Callable[[str], bytes | None], blocks: list[bytes]) -> str | int | None:
    """Put the text among the blocks if it is a number written out, and the sign for that in its place."""
    number = None if text is None else block(text)
    if number is None:
        return text
    blocks.append(number)
    return _APART


def _id_block(text: str) -> bytes | None:
    if len(text) != _ID_TEXT:
        return None
    try:
        number = bytes.fromhex(text.replace("-", ""))
    except ValueError:
        return None
    return number if len(number) == _BLOCK and _id_text(number) == text else None


def _id_text(number: bytes) -> str:
    text = number.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _key_block(text: str) -> bytes | None:
    if len(text) != _KEY_TEXT:
        return None
    try:
        number = base64.urlsafe_b64decode(f"{text}==")
    except ValueError:
        return None
    return number if len(number) == _KEY and _key_text(number) == text else None


def _key_text(number: bytes) -> str:
    return base64.urlsafe_b64encode(number).rstrip(b"=").decode()


def _deflated(text: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=_WINDOW, zdict=_WORDS)
    return deflate.compress(text) + deflate.flush()


def _inflated(deflated: bytes) -> bytes:
    inflate = zlib.decompressobj(wbits=_WINDOW, zdict=_WORDS)
    text = inflate.decompress(deflated)
    if not inflate.eof or inflate.unused_data:
        raise ValueError("not all of it, or more")
    return text

"""Who may ask: the stores and gateways of the callers file, what each is granted, and how each proves itself."""

from __future__ import annotations

import hashlib
import re
import secrets
import tomllib
from collections import Counter
from collections.abc import Mapping  # noqa: TC003 - compiled, a class looks up the types of its fields
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, get_args

from authsvc.errors import CallerForbidden, CallerUnauthorized

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from aiohttp import web

    ReadOptions = Callable[[Mapping[str, Any]], Any]
    """Makes a face's own options of an entry's sub-table; raises ValueError, one line for every problem."""

Grant = Literal["verify", "identify", "secret", "signing-key", "regions", "admin"]
GRANTS: Final = frozenset(get_args(Grant))
TOKEN_PREFIX: Final = "asv_"  # noqa: S105 - marks tokens so that scanners for leaked ones can find them
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
NAMED: Final = "name must be 1 to 64 of letters, digits, dot, underscore and hyphen"

_DIGEST = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_BEARER = len("Bearer ")
_KEYS = frozenset({"name", "token_sha256", "tls_names", "grants"})
_WAYS_IN = ("token_sha256", "tls_names", "keystone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """One entry of the callers file.

    Attributes:
        name: As it appears in logs.
        grants: What it may ask for.
        token_sha256: Lower-case hex SHA-256 of each token it may show; two while one replaces the other.
        tls_names: Subject alternative names (DNS or URI) of client certificates that are this caller.
        options: What the faces that have settings of their own per caller made of the entry's sub-tables, by name.
    """

    name: str
    grants: frozenset[Grant]
    token_sha256: frozenset[str] = frozenset()
    tls_names: frozenset[str] = frozenset()
    options: Mapping[str, Any] = field(default_factory=dict)


def require(caller: Caller, grant: Grant) -> None:
    """Return if the caller has the grant.

    Raises:
        CallerForbidden: It has not.
    """
    if grant not in caller.grants:
        raise CallerForbidden(f"the caller lacks the grant {grant!r}")


def new_token() -> str:
    """Make a token of 256 random bits, to be shown once; only its digest is kept."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def token_digest(token: str) -> str:
    """Return the hex SHA-256 under which the callers file knows a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


REJECTS: Final = ("nothing", "unknown", "several")
"""Why a caller is not known: nothing was shown, a token nobody has, or what names more than one."""


class Callers:
    """All callers, found by token or by client certificate.

    Attributes:
        all: Every one of them.
        rejects: Requests whose caller was not known, by why.
    """

    def __init__(self, callers: Iterable[Caller] = ()) -> None:
        """Index the callers; ``parse`` is what checks that no two share a token, a name or a certificate."""
        self.rejects: Counter[str] = Counter(dict.fromkeys(REJECTS, 0))
        self._index(tuple(callers))

    def adopt(self, others: Self) -> None:
        """Know the others in place of those known; whoever holds this object asks for them from now on."""
        self._index(others.all)

    def _index(self, callers: tuple[Caller, ...]) -> None:
        self.all = callers
        self._by_digest = {digest: caller for caller in self.all for digest in caller.token_sha256}
        # Those that were shown. Nobody learns a token by trying: two are compared where their keyed hashes are the same.
        self._by_token: dict[str, Caller] = {}
        self._by_tls_name = {name: caller for caller in self.all for name in caller.tls_names}
        self._by_name = {caller.name: caller for caller in self.all}

    @classmethod
    def parse(
        cls, source: str | Mapping[str, Any], readers: Mapping[str, ReadOptions] = MappingProxyType({})
    ) -> Self:
        """Read the callers file.

        Args:
            source: Its TOML text, or what a TOML reader made of it.
            readers: Who reads an entry's sub-tables, by their names; a table without a reader is a problem.

        Raises:
            ValueError: One line for every problem there is; none repeats a token or a digest.
        """
        if isinstance(source, str):
            try:
                source = tomllib.loads(source)
            except tomllib.TOMLDecodeError as error:
                raise ValueError(f"the callers file is not TOML: {error}") from None
        entries = source.get("caller", [])
        problems = [
            f"unknown key {key!r}; entries are [[caller]] tables" for key in source.keys() - {"caller"}
        ]
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            problems.append("caller must be a list of tables, each begun by [[caller]]")
            entries = []
        options: list[dict[str, Any]] = []
        for number, entry in enumerate(entries, 1):
            options.append({})
            found = (*_problems(entry), *_read_options(entry, readers, options[-1]))
            problems += (f"{_place(number, entry)}: {problem}" for problem in found)
        problems += _shared(entries)
        if problems:
            raise ValueError("\n".join(problems))
        return cls(map(_caller, entries, options))

    def named(self, name: str) -> Caller | None:
        """Return the caller of that name, None if there is none."""
        return self._by_name.get(name)

    def authenticate(
        self,
        request: web.Request,
        *,
        bearer: bool = True,
        issued: Callable[[str], Caller | None] | None = None,
    ) -> Caller:
        """Return who asks, by ``Authorization: Bearer``, ``X-Auth-Token`` or a client certificate.

        An Authorization of another kind may be a user's own signature and is nobody's business here; where
        even a bearer token there would be the user's, ``bearer`` is False. ``issued`` knows the tokens that a
        face issued itself, for callers of this file.

        Raises:
            CallerUnauthorized: Nobody, somebody unknown, or more than one.
        """
        headers = request.headers
        tokens = headers.getall("X-Auth-Token", [])
        if bearer:
            tokens += bearer_tokens(request)
        names = certificate_names(request) if self._by_tls_name else ()
        return self.recognise(tokens, names, issued=issued)

    def recognise(
        self,
        tokens: Iterable[str],
        names: Iterable[tuple[str, str]],
        *,
        issued: Callable[[str], Caller | None] | None = None,
    ) -> Caller:
        """Return whose the tokens are, and the client certificate's names as (kind, name).

        Every token shown must be known, and all that is shown must name one caller: a choice between two
        would be a guess.

        Raises:
            CallerUnauthorized: Nobody's, somebody unknown's, or more than one's.
        """
        shown: list[Caller] = []
        for token in tokens:
            caller = self._by_token.get(token) or self._known(token)
            if caller is None and issued is not None:
                caller = issued(token)
            if caller is None:
                self.rejects["unknown"] += 1
                raise CallerUnauthorized("the caller token is not known here")
            shown.append(caller)
        if names:
            shown += self._certified(names)
        if not shown:
            self.rejects["nothing"] += 1
            raise CallerUnauthorized
        if len(shown) > 1 and len({caller.name for caller in shown}) > 1:
            self.rejects["several"] += 1
            raise CallerUnauthorized("the request names more than one caller")
        return shown[0]

    def _known(self, token: str) -> Caller | None:
        caller = self._by_digest.get(token_digest(token))
        if caller is not None:
            self._by_token[token] = caller
        return caller

    def _certified(self, names: Iterable[tuple[str, str]]) -> Iterator[Caller]:
        for kind, name in names:
            caller = self._by_tls_name.get(name.lower() if kind == "DNS" else name)
            if caller is not None and kind == ("URI" if ":" in name else "DNS"):
                yield caller


def certificate_names(request: web.Request) -> Iterable[tuple[str, str]]:
    """Return the names in the client's certificate as (kind, name); none where it showed none."""
    transport = request.transport
    certificate = transport.get_extra_info("peercert") if transport is not None else None
    names: Iterable[tuple[str, str]] = (certificate or {}).get("subjectAltName", ())
    return names


def bearer_tokens(request: web.Request) -> Sequence[str]:
    """Return the tokens in ``Authorization: Bearer``; an Authorization of another kind holds none."""
    values = request.headers.getall("Authorization", ())
    return [value[_BEARER:].lstrip(" ") for value in values if value[:_BEARER].lower() == "bearer "]


def _place(number: int, entry: Mapping[str, Any]) -> str:
    name = entry.get("name")
    return (
        f"caller {number} ({name})" if isinstance(name, str) and NAME.fullmatch(name) else f"caller {number}"
    )


def _problems(entry: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(entry.get("name"), str) or not NAME.fullmatch(entry["name"]):
        yield NAMED
    lists = {key: entry.get(key, []) for key in ("token_sha256", "tls_names", "grants")}
    for key, values in lists.items():
        if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
            yield f"{key} must be a list of strings"
            lists[key] = []
    if not all(_DIGEST.fullmatch(digest) for digest in lists["token_sha256"]):
        yield "token_sha256 holds something that is no SHA-256 (64 hexadecimal digits); it must not hold the token"
    if not any(entry.get(way) for way in _WAYS_IN):
        yield "neither token_sha256 nor tls_names nor a login: nothing could ever be this caller"
    if not entry.get("grants"):
        yield "grants is missing or empty"
    for grant in sorted(set(lists["grants"]) - GRANTS):
        yield f"unknown grant {grant!r}; there are: {', '.join(sorted(GRANTS))}"
    for key in sorted(entry.keys() - _KEYS):
        if not isinstance(entry[key], dict):
            yield f"unknown key {key!r}"


def _read_options(
    entry: Mapping[str, Any], readers: Mapping[str, ReadOptions], options: dict[str, Any]
) -> Iterator[str]:
    """Put what the readers make of the sub-tables into ``options``, and name what is wrong with them."""
    for name, table in entry.items():
        if name in _KEYS or not isinstance(table, dict):
            continue
        if name not in readers:
            yield f"unknown table {name!r}; there are: {', '.join(sorted(readers)) or 'none'}"
            continue
        try:
            options[name] = readers[name](table)
        except ValueError as error:
            yield from (f"{name}: {problem}" for problem in str(error).splitlines())


def _shared(entries: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Name what two entries both lay claim to."""
    seen: dict[tuple[str, str], int] = {}
    for number, entry in enumerate(entries, 1):
        for key in ("name", "token_sha256", "tls_names"):
            values = entry.get(key, [])
            for value in {values} if isinstance(values, str) else _strings(values):
                first = seen.setdefault((key, value.lower()), number)
                if first != number:
                    yield f"caller {first} and caller {number} have the same {key}"


def _strings(values: object) -> set[str]:
    return {value for value in values if isinstance(value, str)} if isinstance(values, list) else set()


def _caller(entry: Mapping[str, Any], options: Mapping[str, Any]) -> Caller:
    return Caller(
        name=entry["name"],
        grants=frozenset(entry["grants"]),
        token_sha256=frozenset(digest.lower() for digest in entry.get("token_sha256", ())),
        tls_names=frozenset(_tls_name(name) for name in entry.get("tls_names", ())),
        options=options,
    )


def _tls_name(name: str) -> str:
    """Lower-case a DNS name; a URI's path has case."""
    return name if ":" in name else name.lower()

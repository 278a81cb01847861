"""The environment, read once: ``AUTHSVC_*`` to one typed object. Nobody else reads it.

Every setting is one line of ``Settings``: its parser, its default and what it means, from which the
operator's documentation is generated. ``AUTHSVC_X`` may be given as ``AUTHSVC_X_FILE``, the path of a file
that holds the value; unknown ``AUTHSVC_*`` names are refused; all problems are reported together.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from marshmallow import Schema, ValidationError, fields, validate

from authsvc.model import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PREFIX = "AUTHSVC_"
SCHEMES = ("cloudstack", "sigv4", "sigv4a", "sigv4-post", "s3v2", "s3v2-post", "sigv2")
FACES = ("native", "cloudstack", "keystone", "ec2", "forward_auth", "ext_authz", "scality", "vault", "minio")
SPOKEN = frozenset(FACES) - {"scality", "vault", "minio"}  # unless the operator says otherwise
NO_ADDRESS = "must be http:// or https:// and a host, without user, query or fragment"
_KEY_BYTES = 32
"""Of the keys that seal cached records or tokens, and of Ed25519's public ones."""


class SettingsError(ValueError):
    """The environment cannot be used; ``problems`` holds one line each, none with a secret in it."""

    def __init__(self, problems: list[str]) -> None:
        """Take the problems."""
        self.problems = problems
        super().__init__("; ".join(problems))


def _filled(value: str, advice: str = "") -> str:
    if not value.strip():
        raise ValidationError(f"must not be empty{advice}")
    return value


def _host(value: str) -> str:
    # To the socket's functions no address is every address.
    return _filled(value, "; 0.0.0.0 or :: is every address of this machine")


def _words(*known: str, some: bool = False) -> fields.Function:
    """Parse words parted by commas or white space, each one of ``known`` where that is given; ``some`` demands one."""

    def parse(value: str) -> frozenset[str]:
        words = frozenset(re.split(r"[\s,]+", value)) - {""}
        if known and (strange := words - set(known)):
            raise ValidationError(f"{', '.join(sorted(strange))}: not one of {', '.join(known)}")
        if some and not words:
            raise ValidationError(f"must not be empty; there are {', '.join(known)}")
        return words

    return fields.Function(deserialize=parse)


def _secret(value: str) -> Secret | None:
    return Secret(value) if value else None


def _secret_lines(value: str) -> tuple[Secret, ...]:
    return tuple(Secret(line) for line in value.splitlines() if line)


def _keys(value: str) -> tuple[Secret, ...]:
    _key_lines(value)
    return tuple(Secret(line) for line in value.split())


def _one_key(value: str) -> Secret | None:
    keys = _keys(value)
    if len(keys) > 1:
        raise ValidationError("one key is needed, not several")
    return keys[0] if keys else None


def _key_lines(value: str) -> tuple[bytes, ...]:
    keys = []
    for number, line in enumerate(value.split(), 1):
        try:
            key = base64.b64decode(line, validate=True)
        except binascii.Error:
            raise ValidationError(f"line {number} is not base64") from None
        if len(key) != _KEY_BYTES:
            raise ValidationError(f"line {number} holds {len(key)} bytes, {_KEY_BYTES} are needed")
        keys.append(key)
    return tuple(keys)


def _file(value: str) -> Path | None:
    if not value:
        return None
    try:
        found = Path(value).is_file()
    except (OSError, ValueError):  # too long for a name, or a NUL in it
        found = False
    if not found:
        # Not which: given by way of AUTHSVC_X_FILE by mistake, it is the content of the file that was meant.
        raise ValidationError("there is no file of this name; the setting is a path")
    return Path(value)


def is_address(value: str) -> bool:
    """Say whether something may be reached there over HTTP: at a host, perhaps a port and a path, and no more."""
    if not re.fullmatch(r"https?://[^/?#@\\\s]+(?:/[^?#\s]*)?", value) or not value.isprintable():
        return False
    try:
        parts = urlsplit(value)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _address(value: str) -> str | None:
    if value and not is_address(value):
        raise ValidationError(NO_ADDRESS)
    return value.rstrip("/") or None


def _place(value: str) -> Path | None:
    return Path(value) if value else None


def _number(low: float, high: float) -> fields.Float:
    return fields.Float(allow_nan=False, validate=validate.Range(min=low, max=high))


def _whole(low: int, high: int) -> fields.Integer:
    return fields.Integer(validate=validate.Range(min=low, max=high))


def _optional(field: fields.Integer) -> fields.Function:
    """Parse as the field does; empty is None."""
    return fields.Function(deserialize=lambda value: field.deserialize(value) if value else None)


def _setting(field: fields.Field[Any], default: Any, about: str, *, shown: str | None = None) -> Any:
    """Declare a setting; ``shown`` is the default as documentation prints it."""
    printed = shown if shown is not None else _printed(default)
    return dataclasses.field(
        default_factory=lambda: default, metadata={"field": field, "about": about, "shown": printed}
    )


def _printed(default: Any) -> str:
    if isinstance(default, frozenset):
        return ",".join(sorted(default))
    return "" if default in (None, ()) else str(default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything an operator can say; each field is ``AUTHSVC_`` and its name in capitals."""

    host: str = _setting(fields.Function(deserialize=_host), "127.0.0.1", "Address to listen on.")
    port: int = _setting(_whole(0, 65535), 8180, "Port of the faces; 0 picks a free one.")
    ops_port: int = _setting(
        _whole(0, 65535), 8181, "Port of `/livez`, `/readyz` and `/metrics`, on the same address."
    )
    ext_authz_port: int | None = _setting(
        _optional(_whole(0, 65535)),
        None,
        "Port of Envoy's `ext_authz` over gRPC, on the same address; empty: off; 0 picks a free one. Needs the "
        "extra `grpc`.",
    )
    faces: frozenset[str] = _setting(
        _words(*FACES, some=True), SPOKEN, "Dialects to speak: " + ", ".join(FACES) + "."
    )
    database_url: Secret = _setting(
        fields.Function(deserialize=lambda value: Secret(_filled(value))),
        Secret("sqlite:///authsvc.db"),
        "The directory: `mysql://user:password@host:3306/cloud` (TLS by query parameters) or "
        "`sqlite:///path` for the embedded one.",
        shown="sqlite:///authsvc.db",
    )
    database_keys: tuple[Secret, ...] = _setting(
        fields.Function(deserialize=_secret_lines),
        (),
        "CloudStack's database keys, one a line, tried in order; empty: secrets are stored in clear.",
    )
    cloudstack_properties: Path | None = _setting(
        fields.Function(deserialize=_file),
        None,
        "Path of CloudStack's `db.properties`, to take the database key from it instead.",
    )
    cloudstack_key: Path | None = _setting(
        fields.Function(deserialize=_file),
        None,
        "Path of the management server's key file, which opens `ENC(…)` in that file.",
    )
    own_database_url: Secret | None = _setting(
        fields.Function(deserialize=_secret),
        None,
        "A database of authsvc's own beside CloudStack's, for certificates: `mysql://…` or `sqlite:///path`; "
        "empty: the embedded directory's own file, else none.",
    )
    edge_keys: Path | None = _setting(
        fields.Function(deserialize=_place),
        None,
        "Path of a file of public keys that another region exported (`authsvc edge-keys export`). With it this is "
        "an edge region: no database, no secret, and `sigv4a` alone is verified.",
    )
    edge_signers: tuple[bytes, ...] = _setting(
        fields.Function(deserialize=_key_lines),
        (),
        "Ed25519 public keys that may sign that file, base64 of 32 bytes, one a line.",
    )
    redis_url: Secret | None = _setting(
        fields.Function(deserialize=_secret),
        None,
        "Shared cache: `redis://host:port`, `redis+sentinel://host:port,host:port/master` or "
        "`redis+cluster://host:port,host:port`, with `rediss` for TLS; empty: in-process cache only.",
    )
    cache_keys: tuple[Secret, ...] = _setting(
        fields.Function(deserialize=_keys),
        (),
        "Keys that seal cached records, base64 of 32 bytes, one a line; the first seals, all open. "
        "Needed with `AUTHSVC_REDIS_URL`, the same in every process of the region.",
    )
    cache_size: int = _setting(
        _whole(1, 10_000_000), 100_000, "Access keys remembered in the process at most."
    )
    fresh_for: float = _setting(
        _number(0, 60),
        2.0,
        "Seconds a remembered record answers without asking again: how long a revoked key may still work.",
    )
    max_stale: float = _setting(
        _number(0, 3600),
        300.0,
        "Seconds a remembered record may still answer while the database is away; 0: not at all.",
    )
    callers: Path | None = _setting(
        fields.Function(deserialize=_file),
        None,
        "Path of the TOML file that names the callers; without it nobody may ask.",
    )
    region_id: int = _setting(_whole(1, 2**31 - 1), 1, "This region's id in the registry of regions.")
    schemes: frozenset[str] = _setting(
        _words(*SCHEMES, some=True),
        frozenset(SCHEMES),
        "Signature schemes accepted: " + ", ".join(SCHEMES) + ".",
    )
    timeless: frozenset[str] = _setting(
        _words(*SCHEMES),
        frozenset({"cloudstack"}),
        "Schemes whose signatures may carry no time, and so can be replayed for ever.",
    )
    algorithms: frozenset[str] = _setting(
        _words("HmacSHA1", "HmacSHA512", some=True),
        frozenset({"HmacSHA1", "HmacSHA512"}),
        "Digests accepted in CloudStack API signatures.",
    )
    sigv2_algorithms: frozenset[str] = _setting(
        _words("HmacSHA1", "HmacSHA256", some=True),
        frozenset({"HmacSHA256"}),
        "Digests accepted in Signature Version 2 of the Query APIs; HmacSHA1 is what old EC2 clients use.",
    )
    sub_resources: frozenset[str] = _setting(
        _words(),
        frozenset(),
        "Query parameters that S3's Signature V2 covers, where your store signs others than all that any known "
        "store or client does; empty: those. The answer names the parameters of a request that were not signed.",
    )
    cloudstack_lenient: bool = _setting(
        fields.Boolean(),
        False,
        "Also accept the ways of encoding `~ * [ ]` and of sorting in which some published CloudStack "
        "clients differ from CloudStack itself.",
        shown="false",
    )
    expires_within: float = _setting(
        _number(0, 10 * 365 * 86400),
        0.0,
        "Seconds CloudStack's `expires` may lie ahead at most; 0: any. 900 is CloudStack's own limit where "
        "it enforces one.",
    )
    clock_skew: float = _setting(
        _number(0, 3600), 900.0, "Seconds a signing time may lie before or after ours."
    )
    presign_lifetime: float = _setting(
        _number(1, 604800),
        604800.0,
        "Longest life of a presigned request or an upload form, seconds.",
    )
    signing_regions: frozenset[str] = _setting(
        _words(),
        frozenset(),
        "Region names accepted in a credential scope, of which a region set (`sigv4a`) has to hold one; empty: "
        "any, unless the request's `expect.region` says.",
    )
    signing_services: frozenset[str] = _setting(
        _words(),
        frozenset(),
        "Service names accepted in a credential scope; empty: any, unless `expect.service` says.",
    )
    restricted_keys: bool = _setting(
        fields.Boolean(),
        False,
        "Accept key pairs that carry rules of their own. The rules name CloudStack APIs; whoever asks must "
        "heed `key.restricted` in the answer.",
        shown="false",
    )
    presented_services: frozenset[str] = _setting(
        _words(),
        frozenset({"iam", "s3", "sts"}),
        "Service names accepted in a string to sign that a store presents without its request.",
    )
    presented_strict: bool = _setting(
        fields.Boolean(),
        False,
        "Hold such strings to `AUTHSVC_CLOCK_SKEW`. Without, they may be as old as a presigned request lives, "
        "because a string does not say whether it was presigned; the store judges that.",
        shown="false",
    )
    keystone_url: str | None = _setting(
        fields.Function(deserialize=_address),
        None,
        "Where stores reach the Keystone face, without `/v3`, as its catalogue and its list of versions say; "
        "empty: as the request's Host says.",
    )
    keystone_lifetime: float = _setting(
        _number(1, 3600),
        60.0,
        "Seconds a user's token document is good for: how long Ceph RGW remembers a user's secret key.",
    )
    keystone_patience: float = _setting(
        _number(0, 30),
        2.0,
        "Seconds for which a store's question is held while the directory does not answer and nothing is "
        "remembered: Swift takes 503 for a bad signature, so a late answer is better.",
    )
    keystone_token_lifetime: float = _setting(
        _number(60, 7 * 86400), 3600.0, "Seconds a token is good for that a store logged in for."
    )
    keystone_dashes: bool = _setting(
        fields.Boolean(),
        False,
        "Keep the dashes of an account's uuid in the project's id; without them it is 32 hexadecimal digits.",
        shown="false",
    )
    keystone_user_roles: frozenset[str] = _setting(
        _words(), frozenset({"Member", "swiftoperator"}), "Keystone role names of users."
    )
    keystone_domain_admin_roles: frozenset[str] = _setting(
        _words(),
        frozenset({"Member", "swiftoperator"}),
        "Keystone role names of domain administrators.",
    )
    keystone_admin_roles: frozenset[str] = _setting(
        _words(), frozenset({"admin"}), "Keystone role names of root administrators."
    )
    token_keys: tuple[Secret, ...] = _setting(
        fields.Function(deserialize=_keys),
        (),
        "Keys that seal the tokens issued to stores that log in, base64 of 32 bytes, one a line; the first "
        "seals, all open. The same in every process of the region.",
    )
    soap_sha1: bool = _setting(
        fields.Boolean(),
        False,
        "Accept SOAP messages signed with RSA-SHA1 and SHA-1 digests, which is all that EC2's own tools speak.",
        shown="false",
    )
    soap_key_bits: int = _setting(
        _whole(1024, 4096), 2048, "Length of the shortest RSA key accepted in a certificate."
    )
    soap_certificate_dates: bool = _setting(
        fields.Boolean(),
        True,
        "Refuse certificates before and after their dates. AWS did not.",
        shown="true",
    )
    soap_clock_skew: float = _setting(
        _number(0, 900), 60.0, "Seconds by which the clock of whoever signs a SOAP message may be off."
    )
    soap_replays: str = _setting(
        fields.String(validate=validate.OneOf(["refuse", "admit"])),
        "refuse",
        "What to do with a SOAP message while Redis cannot say whether it came before: `refuse` (503), or "
        "`admit` it with `replay_checked: false`.",
    )
    soap_bound_proof: bool = _setting(
        fields.Boolean(),
        False,
        "A certificate is registered only by a `RegisterCertificate` message that names the user; otherwise "
        "any message signed by its key will do.",
        shown="false",
    )
    stream: str = _setting(
        fields.String(validate=validate.OneOf(["off", "hotset", "binlog"])),
        "off",
        "How changes in the database are heard of: `off`, each key is asked for again after `AUTHSVC_FRESH_FOR`; "
        "`hotset`, those in use are, many with one question, before anybody waits for it; `binlog`, from the "
        "server's binary log as they are committed (extra `binlog`).",
    )
    stream_url: Secret | None = _setting(
        fields.Function(deserialize=_secret),
        None,
        "Who reads the binary log, as `AUTHSVC_DATABASE_URL`: the same server, a user with `REPLICATION SLAVE`; "
        "empty: that URL's user does.",
    )
    tls_certificate: Path | None = _setting(
        fields.Function(deserialize=_file),
        None,
        "Path of the server's certificate chain (PEM); with it the faces speak TLS.",
    )
    tls_key: Path | None = _setting(
        fields.Function(deserialize=_file), None, "Path of the certificate's private key (PEM)."
    )
    tls_client_ca: Path | None = _setting(
        fields.Function(deserialize=_file),
        None,
        "Path of the CA whose client certificates may name a caller (PEM).",
    )
    drain: float = _setting(
        _number(0, 300),
        5.0,
        "Seconds between turning not ready and closing on SIGTERM, so that balancers notice first.",
    )
    traces_endpoint: str | None = _setting(
        fields.Function(deserialize=_address),
        None,
        "Where to send traces, by OTLP over HTTP, such as `http://collector:4318/v1/traces`; empty: nowhere. Needs "
        "the extra `otel`.",
    )
    traces_ratio: float = _setting(
        _number(0, 1),
        0.01,
        "Share of the requests traced of those that bring no `traceparent`; one that does has decided already.",
    )
    sentry_dsn: Secret | None = _setting(
        fields.Function(deserialize=_secret),
        None,
        "Address of a Sentry project to tell of faults of ours, by their type and place only; empty: none. Needs the "
        "extra `sentry`.",
    )
    audit: Path | None = _setting(
        fields.Function(deserialize=_place),
        None,
        "Path of a file, or of a named pipe that somebody reads, for one JSON line a decision; empty: none.",
    )
    audit_strict: bool = _setting(
        fields.Boolean(),
        False,
        "An answer whose line cannot be written within 0.1 s is 503. Without, such lines are counted.",
        shown="false",
    )
    audit_key: Secret | None = _setting(
        fields.Function(deserialize=_one_key),
        None,
        "Key that access keys are named with in those lines (HMAC-SHA256), base64 of 32 bytes, the same in every "
        "process; empty: they are not named.",
    )
    log_level: str = _setting(
        fields.String(validate=validate.OneOf(["debug", "info", "warning", "error"])),
        "info",
        "`info` writes a line a request; `warning` only what needs attention.",
    )


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the environment (``os.environ`` when None).

    Raises:
        SettingsError: With every problem found.
    """
    environment = os.environ if environment is None else environment
    problems: list[str] = []
    values = dict(_values(environment, problems))
    loaded: dict[str, Any] = {}
    try:
        loaded = _SCHEMA.load(values)
    except ValidationError as error:
        loaded = error.valid_data if isinstance(error.valid_data, dict) else {}
        problems += [f"{name}: {_first(messages)}" for name, messages in error.messages_dict.items()]
    problems += _contradictions(loaded)
    if problems:
        raise SettingsError(problems)
    return Settings(**loaded)


def _values(environment: Mapping[str, str], problems: list[str]) -> Iterator[tuple[str, str]]:
    for name in sorted(environment):
        if not name.startswith(PREFIX):
            continue
        plain = name.removesuffix("_FILE")
        if name in _SCHEMA.fields or plain not in _SCHEMA.fields:
            yield name, environment[name]
        elif plain in environment:
            problems.append(f"{plain}: given both as {plain} and as {name}")
        else:
            try:
                # A file written by an editor ends in a newline that is no part of the value.
                yield plain, Path(environment[name]).read_text(encoding="utf-8").removesuffix("\n")
            except (OSError, UnicodeDecodeError) as error:
                problems.append(f"{name}: cannot be read: {type(error).__name__}")


def _contradictions(loaded: Mapping[str, Any]) -> Iterator[str]:
    given = {name for name, value in loaded.items() if value}
    for need, other in (
        ("redis_url", "cache_keys"),
        ("cloudstack_key", "cloudstack_properties"),
        ("tls_certificate", "tls_key"),
        ("tls_key", "tls_certificate"),
        ("tls_client_ca", "tls_certificate"),
        ("edge_keys", "edge_signers"),
        ("edge_signers", "edge_keys"),
        ("audit_strict", "audit"),
        ("audit_key", "audit"),
    ):
        if need in given and other not in given:
            yield f"{_name(need)}: needs {_name(other)} too"
    if {"database_keys", "cloudstack_properties"} <= given:
        yield f"{_name('database_keys')}: given beside {_name('cloudstack_properties')}; give one of them"
    for unused in ("database_url", "database_keys", "cloudstack_properties", "own_database_url", "redis_url"):
        if {"edge_keys", unused} <= given:
            yield f"{_name(unused)}: an edge region ({_name('edge_keys')}) has no use for it; leave it out"
    stream = loaded.get("stream", "off")
    if stream != "off" and "edge_keys" in given:
        yield f"{_name('stream')}: an edge region ({_name('edge_keys')}) has no database that changes; use off"
    elif stream == "binlog" and not loaded.get("database_url", Secret("")).reveal().startswith(
        ("mysql:", "mariadb:")
    ):
        yield f"{_name('stream')}: only MariaDB and MySQL have a binary log; use off or hotset"
    if "stream_url" in given and stream != "binlog":
        yield f"{_name('stream_url')}: needs {_name('stream')} to be binlog"


def _name(field: str) -> str:
    return PREFIX + field.upper()


def _first(messages: Any) -> str:
    while isinstance(messages, (list, dict)) and messages:
        messages = messages[0] if isinstance(messages, list) else next(iter(messages.values()))
    return "there is no such setting" if messages == "Unknown field." else str(messages)


def _schema() -> Schema:
    declared: dict[str, fields.Field[Any]] = {}
    for field in dataclasses.fields(Settings):
        parser = field.metadata["field"]
        parser.attribute = field.name
        declared[_name(field.name)] = parser
    return Schema.from_dict(declared)()


_SCHEMA = _schema()

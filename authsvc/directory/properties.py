"""The database keys as CloudStack itself is given them: ``db.properties`` and the management key file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from authsvc.directory.cipher import SecretCipher
from authsvc.errors import SecretUnreadable
from authsvc.model import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENCRYPTION_TYPE: Final = "db.cloud.encryption.type"
DATABASE_KEY: Final = "db.cloud.encrypt.secret"
_ENCRYPTED: Final = frozenset({"file", "web", "env"})
_BLANK: Final = " \t\f"
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_KEY: Final = re.compile(r"(?:\\.|[^\\=: \t\f])*", re.DOTALL)
_SEPARATOR: Final = re.compile(r"[ \t\f]*[=:]?[ \t\f]*")
_ESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_CONTROLS: Final = str.maketrans("tnrf", "\t\n\r\f")


class PropertiesError(ValueError):
    """The files give no database key; the text is one line that names file and property, never a value."""


def database_keys(properties_path: Path, key_path: Path | None) -> tuple[Secret, ...]:
    """Return the keys of the database; none where CloudStack's encryption is off.

    Args:
        properties_path: CloudStack's ``db.properties``.
        key_path: The file whose first line is the management key; only needed for ``ENC(…)``.

    Raises:
        PropertiesError: A file cannot be read, or what is in it gives no key.
    """
    properties = read_properties(properties_path)
    encryption = properties.get(ENCRYPTION_TYPE, "none").strip()
    if encryption == "none":
        return ()
    if encryption not in _ENCRYPTED:
        raise PropertiesError(f"{properties_path}: {ENCRYPTION_TYPE} is none of file, web, env, none")
    stored = properties.get(DATABASE_KEY, "")
    if not stored:
        raise PropertiesError(f"{properties_path}: {ENCRYPTION_TYPE} is on and {DATABASE_KEY} is missing")
    if not stored.startswith("ENC("):
        return (Secret(stored),)
    if not stored.endswith(")"):
        raise PropertiesError(f"{properties_path}: {DATABASE_KEY} begins with ENC( and does not end with )")
    return (_unwrap(stored[len("ENC(") : -1], properties_path, key_path),)


def read_properties(path: Path) -> dict[str, str]:
    """Return a Java properties file's values by key; of a key given twice, the last (``Properties.load``).

    Raises:
        PropertiesError: It cannot be read.
    """
    text = _read(path, "latin-1")
    try:
        return dict(_property(line) for line in _logical_lines(text))
    except ValueError:
        raise PropertiesError(f"{path}: it holds a broken \\u escape") from None


def _unwrap(wrapped: str, properties_path: Path, key_path: Path | None) -> Secret:
    if key_path is None:
        raise PropertiesError(
            f"{properties_path}: {DATABASE_KEY} is ENC(…), which needs the management key file"
        )
    management_key = _LINE_END.split(_read(key_path, "utf-8"), maxsplit=1)[0]
    if not management_key:
        raise PropertiesError(f"{key_path}: its first line, the management key, is empty")
    try:
        return SecretCipher([Secret(management_key)]).decrypt(wrapped)
    except SecretUnreadable:
        raise PropertiesError(
            f"{properties_path}: {DATABASE_KEY} does not open with the management key in {key_path}"
        ) from None


def _read(path: Path, encoding: str) -> str:
    try:
        return path.read_bytes().decode(encoding)
    except OSError as error:
        raise PropertiesError(f"{path}: cannot be read: {type(error).__name__}") from None
    except UnicodeDecodeError:
        raise PropertiesError(f"{path}: is not {encoding.upper()}") from None


def _logical_lines(text: str) -> Iterator[str]:
    """Join continued lines; leave out comments and empty lines."""
    lines = iter(_LINE_END.split(text))
    for line in lines:
        logical = line.lstrip(_BLANK)
        if logical in {"", "\\"} or logical[0] in "#!":
            continue
        while _continues(logical):
            following = next(lines, None)
            logical = logical[:-1] + (following or "").lstrip(_BLANK)
            if following is None:
                break
        yield logical


def _continues(line: str) -> bool:
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def _property(line: str) -> tuple[str, str]:
    key = _KEY.match(line)
    end = key.end() if key else 0
    separator = _SEPARATOR.match(line, end)
    return _unescaped(line[:end]), _unescaped(line[separator.end() if separator else end :])


def _unescaped(text: str) -> str:
    plain = _ESCAPE.sub(_character, text)
    # Java's escapes are UTF-16: a character beyond U+FFFF is written as two of them.
    return plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le")


def _character(escape: re.Match[str]) -> str:
    if escape[1]:
        return chr(int(escape[1], 16))
    if escape[2] == "u":
        raise ValueError
    return escape[2].translate(_CONTROLS)

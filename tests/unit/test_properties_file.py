"""The database key out of CloudStack's own files, and what is said where it cannot be had."""

import pytest

from authsvc.directory.cipher import SecretCipher
from authsvc.directory.properties import PropertiesError, database_keys, read_properties
from authsvc.model import Secret

V1_PASSWORD = "vX59Ho5k+gtUOESdmRcS21JEWhL3Yt/d"
"""``password`` under the management key ``password``."""
V2_ENCTHIS = "iYVsCZXiGiC6SzZLMNBvBL93hoUpntxkuRjyaqC8L+JYKXw="
"""``encthis`` under the management key ``managementkey``."""


@pytest.fixture
def files(tmp_path):
    def write(properties, key=None):
        properties_path, key_path = tmp_path / "db.properties", tmp_path / "key"
        properties_path.write_bytes(properties if isinstance(properties, bytes) else properties.encode())
        if key is None:
            return properties_path, None
        key_path.write_bytes(key if isinstance(key, bytes) else key.encode())
        return properties_path, key_path

    return write


def encrypted(secret, kind="file"):
    return f"db.cloud.encryption.type={kind}\ndb.cloud.encrypt.secret={secret}\n"


@pytest.mark.parametrize(
    ("wrapped", "keys"),
    [(V1_PASSWORD, ("password", "password")), (V2_ENCTHIS, ("managementkey", "encthis"))],
)
@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\nsecond line", "\r"])
@pytest.mark.parametrize("kind", ["file", "web", "env"])
def test_the_key_is_unwrapped_with_the_first_line_of_the_key_file(files, wrapped, keys, ending, kind):
    management_key, database_key = keys
    (found,) = database_keys(*files(encrypted(f"ENC({wrapped})", kind), management_key + ending))

    assert found.reveal() == database_key


@pytest.mark.parametrize("key", [None, "password"])
def test_a_key_written_in_clear_is_taken_as_it_is(files, key):
    (found,) = database_keys(*files(encrypted("the key "), key))

    assert found.reveal() == "the key "


@pytest.mark.parametrize("properties", ["", "db.cloud.encryption.type=none", "# nothing\n\nregion.id=1\n"])
def test_where_encryption_is_off_there_are_no_keys(files, properties):
    assert database_keys(*files(properties, "password")) == ()


def test_the_keys_found_decrypt_what_was_stored_under_them(files):
    keys = database_keys(*files(encrypted(f"ENC({V1_PASSWORD})"), "password"))

    stored = SecretCipher([Secret("password")]).encrypt(Secret("s3cret"))
    assert SecretCipher(keys).decrypt(stored).reveal() == "s3cret"


@pytest.mark.parametrize(
    ("properties", "key", "said"),
    [
        ("db.cloud.encryption.type=", "password", "is none of file, web, env, none"),
        ("db.cloud.encryption.type=FILE", "password", "is none of file, web, env, none"),
        ("db.cloud.encryption.type=file", "password", "db.cloud.encrypt.secret is missing"),
        (encrypted(""), "password", "db.cloud.encrypt.secret is missing"),
        (encrypted(f"ENC({V1_PASSWORD}"), "password", "does not end with )"),
        (encrypted(f"ENC({V1_PASSWORD}) "), "password", "does not end with )"),
        (encrypted(f"ENC({V1_PASSWORD})"), None, "needs the management key file"),
        (encrypted(f"ENC({V1_PASSWORD})"), "", "its first line, the management key, is empty"),
        (encrypted(f"ENC({V1_PASSWORD})"), "\npassword", "its first line, the management key, is empty"),
        (encrypted(f"ENC({V1_PASSWORD})"), "passwort", "does not open with the management key"),
        (encrypted(f"ENC({V1_PASSWORD})"), "password ", "does not open with the management key"),
        (encrypted("ENC()"), "password", "does not open with the management key"),
        (encrypted("ENC(not-base64)"), "password", "does not open with the management key"),
        (encrypted(f"ENC({V1_PASSWORD})"), b"\xff\xfe", "is not UTF-8"),
        (encrypted("\\u12G4"), "password", "broken \\u escape"),
        (encrypted("\\ud800"), "password", "broken \\u escape"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line_without_a_value(files, properties, key, said):
    with pytest.raises(PropertiesError) as refused:
        database_keys(*files(properties, key))

    text = str(refused.value)
    assert said in text
    assert "\n" not in text
    assert not any(value in text for value in (V1_PASSWORD, "passwort", "not-base64", "12G4"))
    assert refused.value.__cause__ is None


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(PropertiesError, match=r"db\.properties: cannot be read: FileNotFoundError"):
        database_keys(tmp_path / "db.properties", None)


def test_a_key_file_that_cannot_be_read_is_named(files, tmp_path):
    properties, _ = files(encrypted(f"ENC({V1_PASSWORD})"))

    with pytest.raises(PropertiesError, match="cannot be read: IsADirectoryError"):
        database_keys(properties, tmp_path)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a=b", {"a": "b"}),
        ("a:b", {"a": "b"}),
        ("a b", {"a": "b"}),
        ("  a \t = \f b c ", {"a": "b c "}),
        ("a", {"a": ""}),
        ("a==b", {"a": "=b"}),
        ("a = = b", {"a": "= b"}),
        ("a=b\na=c", {"a": "c"}),
        ("a=b\rc=d\r\ne=f", {"a": "b", "c": "d", "e": "f"}),
        ("# a=b\n ! c=d\ne=f#g", {"e": "f#g"}),
        ("# comment \\\na=b", {"a": "b"}),
        ("a=b\\\n   c", {"a": "bc"}),
        ("a=b\\\r\n#c", {"a": "b#c"}),
        ("a=b\\\\\nc=d", {"a": "b\\", "c": "d"}),
        ("a=b\\\\\\\nc", {"a": "b\\c"}),
        ("a=b\\\n\nc=d", {"a": "b", "c": "d"}),
        ("a=b\\", {"a": "b"}),
        ("\\\n# comment\na=b", {"a": "b"}),
        ("a\\=b\\:c\\ d=e", {"a=b:c d": "e"}),
        ("a=\\t\\n\\r\\f\\q\\\\", {"a": "\t\n\r\fq\\"}),
        ("a=\\u00e9\\u2713", {"a": "é✓"}),
        ("a=\\ud83d\\udd11", {"a": "🔑"}),
        ("a=b\x85c\x1cd", {"a": "b\x85c\x1cd"}),
        ("é=ü", {"é": "ü"}),
    ],
)
def test_properties_are_read_as_java_reads_them(files, text, values):
    path, _ = files(text.encode("latin-1"))

    assert read_properties(path) == values

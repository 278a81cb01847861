"""The environment becomes one typed object, or a list of problems."""

import base64

import pytest

from authsvc.settings import NO_ADDRESS, Settings, SettingsError, read_settings
from authsvc.signing.s3v2 import SUB_RESOURCES
from authsvc.wiring.rules import policy, schemes

KEY = base64.b64encode(bytes(range(32))).decode()


def problems(environment):
    with pytest.raises(SettingsError) as caught:
        read_settings(environment)
    return caught.value.problems


def test_an_empty_environment_gives_the_embedded_default():
    settings = read_settings({"PATH": "/bin"})

    assert settings.database_url.reveal() == "sqlite:///authsvc.db"
    assert (settings.host, settings.port, settings.ops_port) == ("127.0.0.1", 8180, 8181)
    assert settings.timeless == {"cloudstack"}
    assert settings.clock_skew == 900
    assert settings.max_stale == 300
    assert settings.redis_url is None
    assert settings.callers is None


@pytest.mark.parametrize(
    "name", ["HOST", "DATABASE_URL", "FACES", "SCHEMES", "ALGORITHMS", "SIGV2_ALGORITHMS"]
)
@pytest.mark.parametrize("value", ["", " "])
def test_what_must_be_something_is_not_taken_empty(name, value, tmp_path):
    (tmp_path / "value").write_text(f"{value}\n")
    for setting in ({f"AUTHSVC_{name}": value}, {f"AUTHSVC_{name}_FILE": str(tmp_path / "value")}):
        (problem,) = problems(setting)
        assert problem.startswith(f"AUTHSVC_{name}: must not be empty")


def test_values_are_parsed_to_their_types():
    settings = read_settings(
        {
            "AUTHSVC_PORT": "9000",
            "AUTHSVC_SCHEMES": "sigv4, s3v2",
            "AUTHSVC_TIMELESS": "",
            "AUTHSVC_SIGNING_REGIONS": "us-east-1 eu-1",
            "AUTHSVC_DATABASE_KEYS": "first key\nsecond key\n",
            "AUTHSVC_MAX_STALE": "0",
            "AUTHSVC_CLOUDSTACK_LENIENT": "true",
        }
    )

    assert settings.port == 9000
    assert settings.schemes == {"sigv4", "s3v2"}
    assert settings.timeless == frozenset()
    assert settings.signing_regions == {"us-east-1", "eu-1"}
    assert [key.reveal() for key in settings.database_keys] == ["first key", "second key"]
    assert settings.max_stale == 0
    assert settings.cloudstack_lenient is True


def test_any_setting_may_stand_in_a_file_whose_last_newline_is_dropped(tmp_path):
    (tmp_path / "url").write_text("mysql://u:p@h/cloud\n")
    settings = read_settings({"AUTHSVC_DATABASE_URL_FILE": str(tmp_path / "url")})

    assert settings.database_url.reveal() == "mysql://u:p@h/cloud"


def test_value_and_file_together_are_refused(tmp_path):
    (tmp_path / "port").write_text("1")
    said = problems({"AUTHSVC_PORT": "1", "AUTHSVC_PORT_FILE": str(tmp_path / "port")})

    assert said == ["AUTHSVC_PORT: given both as AUTHSVC_PORT and as AUTHSVC_PORT_FILE"]


def test_all_problems_are_reported_together():
    said = problems(
        {
            "AUTHSVC_PORT": "http",
            "AUTHSVC_OPS_PORT": "65536",
            "AUTHSVC_TYPO": "x",
            "AUTHSVC_TYPO_FILE": "/nowhere",
            "AUTHSVC_SCHEMES": "sigv4,sigv9",
            "AUTHSVC_CALLERS": "/nowhere/callers.toml",
            "AUTHSVC_CLOCK_SKEW": "nan",
            "AUTHSVC_REDIS_URL_FILE": "/nowhere/redis",
        }
    )

    assert {line.split(":")[0] for line in said} == {
        "AUTHSVC_PORT",
        "AUTHSVC_OPS_PORT",
        "AUTHSVC_TYPO",
        "AUTHSVC_TYPO_FILE",
        "AUTHSVC_SCHEMES",
        "AUTHSVC_CALLERS",
        "AUTHSVC_CLOCK_SKEW",
        "AUTHSVC_REDIS_URL_FILE",
    }


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"AUTHSVC_REDIS_URL": "redis://h"}, "AUTHSVC_CACHE_KEYS"),
        ({"AUTHSVC_STREAM": "binlog"}, "AUTHSVC_STREAM: only MariaDB and MySQL have a binary log"),
        (
            {"AUTHSVC_STREAM_URL": "mysql://r:p@db/cloud"},
            "AUTHSVC_STREAM_URL: needs AUTHSVC_STREAM to be binlog",
        ),
        (
            {"AUTHSVC_STREAM": "hotset", "AUTHSVC_STREAM_URL": "mysql://r:p@db/cloud"},
            "AUTHSVC_STREAM_URL: needs AUTHSVC_STREAM to be binlog",
        ),
        (
            {"AUTHSVC_STREAM": "hotset", "AUTHSVC_EDGE_KEYS": "keys", "AUTHSVC_EDGE_SIGNERS": KEY},
            "AUTHSVC_STREAM: an edge region",
        ),
        ({"AUTHSVC_STREAM": "sometimes"}, "AUTHSVC_STREAM"),
        ({"AUTHSVC_CACHE_KEYS": "c2hvcnQ="}, "32 are needed"),
        ({"AUTHSVC_TOKEN_KEYS": "c2hvcnQ="}, "AUTHSVC_TOKEN_KEYS: line 1 holds 5 bytes, 32 are needed"),
        ({"AUTHSVC_KEYSTONE_URL": "auth.example"}, "AUTHSVC_KEYSTONE_URL: must be http:// or https://"),
        ({"AUTHSVC_KEYSTONE_URL": "https://user@auth.example"}, "without user"),
        ({"AUTHSVC_KEYSTONE_URL": "https://auth.example/?x"}, "without user, query or fragment"),
        ({"AUTHSVC_CACHE_KEYS": KEY + "\n!!"}, "line 2 is not base64"),
    ],
)
def test_contradictions_and_bad_values_name_what_to_do(environment, named):
    assert named in " ".join(problems(environment))


def test_problems_quote_no_secret(tmp_path):
    secret = "hunter2hunter2"
    said = problems(
        {
            "AUTHSVC_CACHE_KEYS": base64.b64encode(secret.encode()).decode(),
            "AUTHSVC_DATABASE_KEYS": secret,
            "AUTHSVC_CLOUDSTACK_PROPERTIES": str(tmp_path),
            "AUTHSVC_REDIS_URL": f"redis://:{secret}@h",
        }
    )

    assert secret not in " ".join(said)
    assert base64.b64encode(secret.encode()).decode() not in " ".join(said)


def test_settings_print_no_secret():
    settings = read_settings(
        {"AUTHSVC_DATABASE_URL": "mysql://u:hunter2@h/c", "AUTHSVC_DATABASE_KEYS": "k3y"}
    )

    assert "hunter2" not in repr(settings)
    assert "k3y" not in repr(settings)
    assert isinstance(settings, Settings)


def test_the_sub_resources_of_a_store_are_a_setting():
    def of(**environment):
        found = {scheme.name: scheme for scheme in schemes(read_settings(environment))}
        return found["s3v2"].sub_resources

    assert of() == SUB_RESOURCES
    assert of(AUTHSVC_SUB_RESOURCES="acl, newest") == {"acl", "newest"}


def test_every_scheme_that_is_accepted_is_spoken():
    assert {scheme.name for scheme in schemes(read_settings({}))} == read_settings({}).schemes


def test_digests_are_a_setting_of_each_scheme_that_leaves_a_choice():
    rules = policy(
        read_settings({"AUTHSVC_ALGORITHMS": "HmacSHA512", "AUTHSVC_SIGV2_ALGORITHMS": "HmacSHA1"})
    )
    assert rules.algorithms == {"cloudstack": {"HmacSHA512"}, "sigv2": {"HmacSHA1"}}


@pytest.mark.parametrize(
    "address",
    [
        "nonsense",
        "ftp://127.0.0.1",
        "javascript:alert(1)",
        "http://",
        "https:///client/",
        "http://127.0.0.1:x",
        "http://127.0.0.1:0",
        "http://127.0.0.1:65536",
        "http://[::1",
        "http://:8180",
        "http://user@127.0.0.1",
        "http://127.0.0.1/?x",
        "http://127.0.0.1/#x",
        "http://a b",
        "http://a\\b",
        "http://127.0.0.1/\u202e",
        "http://127.0.0.1/\n",
    ],
)
def test_what_is_no_address_is_taken_for_none(address):
    assert problems({"AUTHSVC_KEYSTONE_URL": address}) == [f"AUTHSVC_KEYSTONE_URL: {NO_ADDRESS}"]


@pytest.mark.parametrize("address", ["http://h", "https://[::1]:8180/a/b", "https://nörd.example:443/ü"])
def test_an_address_is_one(address):
    assert read_settings({"AUTHSVC_KEYSTONE_URL": address}).keystone_url == address

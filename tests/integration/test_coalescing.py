"""Many ask at once for what nobody remembers, one key or many; MariaDB is asked once, or a few times."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from authsvc.faces.callers import new_token, token_digest
from tests.region import Region, ask, signed

AT_ONCE = 32


@pytest.fixture
def region(mariadb, tmp_path):
    with Region(mariadb, "4.23", tmp_path) as made:
        made.token = new_token()
        (made.folder / "callers.toml").write_text(
            f'[[caller]]\nname = "swift"\ntoken_sha256 = ["{token_digest(made.token)}"]\ngrants = ["verify"]\n'
        )
        made.authsvc.start().await_ready()
        yield made
        assert made.authsvc.stop() == 0


def question(person):
    """Sign as the V4 specification says, and show it as Swift does."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    scope = f"{stamp[:8]}/us-east-1/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(b'a request').hexdigest()}"
    key = b"AWS4" + person.secret.encode()
    for part in (*scope.split("/"), text):
        key = hmac.digest(key, part.encode(), "sha256")
    token = base64.urlsafe_b64encode(text.encode()).decode()
    return json.dumps(
        {"credentials": {"access": person.access_key, "token": token, "signature": key.hex()}}
    ).encode()


@pytest.fixture
def statements(mariadb):
    """All that MariaDB is told, from now on."""
    mariadb.execute("SET GLOBAL log_output = 'TABLE'")
    mariadb.execute("TRUNCATE mysql.general_log")
    mariadb.execute("SET GLOBAL general_log = ON")
    yield lambda: [str(row[0]) for row in mariadb.execute("SELECT argument FROM mysql.general_log")]
    mariadb.execute("SET GLOBAL general_log = OFF")
    mariadb.execute("SET GLOBAL log_output = 'FILE'")


def test_32_cold_requests_for_one_key_are_one_query(region, statements):
    alice = region.people["alice"]
    headers = {"X-Auth-Token": region.token, "Content-Type": "application/json"}
    body = question(alice)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(
            pool.map(
                lambda _: ask(f"{region.authsvc.url}/v3/s3tokens", "POST", body, headers), range(AT_ONCE)
            )
        )
    assert {answer.status for answer in answers} == {200}
    assert len({json.dumps(answer.json["token"]["user"]) for answer in answers}) == 1
    assert sum(alice.access_key in text for text in statements()) == 1


def test_64_cold_keys_at_once_are_a_few_queries(region, statements):
    people = [region.add(f"user{number}") for number in range(64)]
    body = json.dumps({"requests": [signed(person) for person in people]}).encode()
    headers = {"Authorization": f"Bearer {region.token}", "Content-Type": "application/json"}
    answer = ask(f"{region.authsvc.url}/v1/verify/batch", "POST", body, headers)
    assert [result["principal"]["user"]["name"] for result in answer.json["results"]] == [
        person.name for person in people
    ]
    put = [text for text in statements() if text.startswith("SELECT") and "api_keypair" in text]
    assert all(any(person.access_key in text for text in put) for person in people)
    assert len(put) <= len(people) / 4

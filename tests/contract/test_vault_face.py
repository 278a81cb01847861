"""As much of HashiCorp Vault as two stores use."""

from __future__ import annotations

import pytest
from yarl import URL

from authsvc.faces.callers import Callers, token_digest
from authsvc.faces.registry import OPTIONS
from tests.standins import credential, secret_of

FILE = f"""
[[caller]]
name = "versitygw"
token_sha256 = ["{token_digest("versitygw")}"]
grants = ["secret"]
[caller.vault]
roles = {{ user = "userplus" }}
user_id = 1000
group_id = 100

[[caller]]
name = "ozone"
token_sha256 = ["{token_digest("ozone")}"]
grants = ["secret"]
[caller.vault]
form = "ozone"

[[caller]]
name = "keeper"
token_sha256 = ["{token_digest("keeper")}"]
grants = ["secret"]
[caller.vault]
form = "ozone"
path = "iam/users"

[[caller]]
name = "poor"
token_sha256 = ["{token_digest("poor")}"]
grants = ["verify", "identify"]
"""
CALLERS = Callers.parse(FILE, OPTIONS)
ALICE = {
    "access": "ALICEKEY",
    "secret": secret_of("ALICEKEY"),
    "role": "userplus",
    "userID": 1000,
    "groupID": 100,
    "projectID": 0,
}
V1, V2 = "/v1/secret/ozone/s3", "/v1/kv-v2/data/iam/users"


def token(name):
    return {"X-Vault-Token": name}


@pytest.mark.parametrize(
    ("caller", "secret"), [("versitygw", ALICE), ("ozone", secret_of("ALICEKEY"))], ids=["versitygw", "ozone"]
)
async def test_a_key_is_read_in_the_stores_own_form(world, caller, secret):
    async with world.client(CALLERS) as client:
        second = await client.get(f"{V2}/ALICEKEY", headers=token(caller))
        first = await client.get(f"{V1}/ALICEKEY", headers=token(caller))
        assert (second.status, first.status) == (200, 200)
        assert (await second.json())["data"]["data"] == {"ALICEKEY": secret}
        assert (await first.json())["data"] == {"ALICEKEY": secret}
        assert second.headers["Cache-Control"] == "no-store"
    assert [(each.use_case, each.verdict, each.caller) for each in world.decisions.all] == [
        ("identify", "allow", caller)
    ] * 2
    assert world.events[0]["secret_given"]
    assert secret_of("ALICEKEY") not in str(world.events)


async def test_a_root_admin_is_one_there_too(world):
    async with world.client(CALLERS) as client:
        answer = await client.get(f"{V2}/ADMINKEY", headers=token("versitygw"))
        assert (await answer.json())["data"]["data"]["ADMINKEY"]["role"] == "admin"


@pytest.mark.parametrize("key", ["NOBODY", "OFFKEY", "TWICEKEY", "NARROWKEY", "alicekey", "x" * 300])
async def test_a_key_that_may_not_be_used_is_not_there(world, key):
    async with world.client(CALLERS) as client:
        answer = await client.get(f"{V2}/{key}", headers=token("versitygw"))
        assert (answer.status, await answer.json()) == (404, {"errors": []})


@pytest.mark.parametrize("mount", ["/v1/secret", "/v1/kv-v2/data"])
@pytest.mark.parametrize(
    "path",
    ["iam/users/A/B+C=", "iam/users/A%2FB%2BC%3D", "iam%2Fusers%2FA%2FB+C="],
    ids=["Ozone, hvac", "careful", "versitygw"],
)
async def test_a_key_may_hold_slashes_where_the_entry_names_the_path_before_it(world, mount, path):
    world.directory.put(credential("A/B+C=", name="eve"))
    async with world.client(CALLERS) as client:
        url = URL(f"{mount}/{path}", encoded=True)
        answer = await client.get(url, headers=token("keeper"))
        document = await answer.json()
        assert answer.status == 200, document
        data = document["data"]
        assert data.get("data", data) == {"A/B+C=": secret_of("A/B+C=")}
        assert (await client.get(url, headers=token("ozone"))).status == 404


@pytest.mark.parametrize(
    "path",
    ["ALICEKEY", "users/ALICEKEY", "iam/users", "iam/users/", "iam/usersALICEKEY", "x/iam/users/ALICEKEY"],
)
async def test_a_key_is_nowhere_but_behind_the_path_its_entry_names(world, path):
    async with world.client(CALLERS) as client:
        assert (await client.get(f"/v1/secret/{path}", headers=token("keeper"))).status == 404
        assert (await client.get("/v1/secret/iam/users/ALICEKEY", headers=token("keeper"))).status == 200


@pytest.mark.parametrize("path", ["", "/", "/iam", "iam/", "a//b"])
def test_a_path_that_is_none_is_told(path):
    with pytest.raises(ValueError, match=r"\(keeper\): vault: path: must be a path"):
        Callers.parse(FILE.replace("iam/users", path), OPTIONS)


@pytest.mark.parametrize("headers", [{}, token("nobody"), token(""), token("poor")], ids=str)
@pytest.mark.parametrize("path", [V1, V2])
async def test_only_those_with_the_grant_are_told(world, headers, path):
    async with world.client(CALLERS) as client:
        answer = await client.get(f"{path}/ALICEKEY", headers=headers)
        assert (answer.status, await answer.json()) == (403, {"errors": ["permission denied"]})
    assert not world.decisions.all
    assert world.events[-1]["verdict"] == "deny"


async def test_what_could_not_be_found_out_is_not_missing(world):
    world.directory.down = True
    async with world.client(CALLERS) as client:
        answer = await client.get(f"{V2}/ALICEKEY", headers=token("versitygw"))
        assert answer.status == 503
        assert "Retry-After" in answer.headers


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("mount", ["approle", "kv-v2"])
async def test_a_login_gives_the_token_that_reads(world, method, mount):
    async with world.client(CALLERS) as client:
        told = {"role_id": "versitygw", "secret_id": "versitygw"}
        answer = await client.request(method, f"/v1/auth/{mount}/login", json=told)
        assert answer.status == 200
        given = (await answer.json())["auth"]["client_token"]
        assert (await client.get(f"{V2}/ALICEKEY", headers=token(given))).status == 200
    assert "versitygw" not in {
        str(value) for event in world.events for key, value in event.items() if key != "caller"
    }


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"role_id": "versitygw", "secret_id": "nobody"}, 400),
        ({"role_id": "ozone", "secret_id": "versitygw"}, 400),
        ({"role_id": "poor", "secret_id": "poor"}, 403),
        ({"role_id": "versitygw"}, 400),
        ({"role_id": "versitygw", "secret_id": 1}, 400),
        ([], 400),
        ("no JSON", 400),
    ],
)
async def test_a_login_that_fails(world, told, status):
    body = {"data": b"{"} if told == "no JSON" else {"json": told}
    async with world.client(CALLERS) as client:
        answer = await client.post("/v1/auth/approle/login", **body)
        assert answer.status == status
        assert (await answer.json())["errors"]


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "HEAD"])
async def test_nothing_is_written_or_listed(world, method):
    async with world.client(CALLERS) as client:
        answer = await client.request(method, f"{V2}/ALICEKEY", headers=token("versitygw"))
        assert answer.status == 405


async def test_a_form_nobody_has_is_told():
    wrong = FILE.replace('form = "ozone"', 'form = "azone"')
    with pytest.raises(ValueError, match="vault: form: Must be one of"):
        Callers.parse(wrong, OPTIONS)

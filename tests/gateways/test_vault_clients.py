"""A published Vault client reads keys as versitygw and Ozone do, with the entries that their pages show."""

from __future__ import annotations

import secrets

import hvac
import pytest
from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest


@pytest.fixture
def open_vault(gated_region):
    """Open a client that has logged in, with a role or with a token."""
    opened = []

    def open_as(*, role=None, secret=None, token=None):
        client = hvac.Client(url=gated_region.authsvc.url, token=token)
        opened.append(client)
        if role is not None:
            client.auth.approle.login(role_id=role, secret_id=secret)
        return client

    yield open_as
    for client in opened:
        client.adapter.close()


def test_versitygw_reads_an_account(open_vault, gated_region, tokens):
    person = gated_region.people["alice"]
    for login in ({"role": "versitygw", "secret": tokens["versitygw"]}, {"token": tokens["versitygw"]}):
        answer = open_vault(**login).secrets.kv.v2.read_secret_version(
            f"iam/{person.access_key}", mount_point="kv-v2", raise_on_deleted_version=True
        )
        account = answer["data"]["data"][person.access_key]
        assert (account["access"], account["secret"]) == (person.access_key, person.secret)
        assert (account["role"], account["userID"], account["groupID"]) == ("userplus", 1000, 1000)


def test_a_root_admin_is_versitygws_admin(open_vault, gated_region, tokens):
    key = gated_region.people["admin"].access_key
    kept = open_vault(token=tokens["versitygw"]).secrets.kv.v2
    answer = kept.read_secret_version(f"iam/{key}", mount_point="kv-v2", raise_on_deleted_version=True)
    assert answer["data"]["data"][key]["role"] == "admin"


def test_ozone_reads_a_secret_by_either_version(open_vault, gated_region, tokens):
    person = gated_region.people["bob"]
    kept = open_vault(role="ozone", secret=tokens["ozone"]).secrets.kv
    first = kept.v1.read_secret(f"ozone/{person.access_key}", mount_point="secret")
    second = kept.v2.read_secret_version(
        f"ozone/{person.access_key}", mount_point="secret", raise_on_deleted_version=True
    )
    assert first["data"] == second["data"]["data"] == {person.access_key: person.secret}


@pytest.mark.parametrize("name", ["off", "barred"])
def test_who_is_switched_off_is_not_there(open_vault, gated_region, tokens, name):
    key = gated_region.people[name].access_key
    with pytest.raises(InvalidPath):
        open_vault(token=tokens["ozone"]).secrets.kv.v1.read_secret(f"ozone/{key}", mount_point="secret")


def test_a_key_may_hold_slashes(open_vault, gated_region, tokens):
    person = gated_region.add(f"eve-{secrets.token_hex(4)}", access_key=f"A/B+{secrets.token_hex(8)}/C=")
    kept = open_vault(token=tokens["ozone"]).secrets.kv.v1
    answer = kept.read_secret(f"ozone/{person.access_key}", mount_point="secret")
    assert answer["data"] == {person.access_key: person.secret}


def test_nobody_else_reads(open_vault, gated_region, tokens):
    person = gated_region.people["alice"]
    with pytest.raises(InvalidRequest):
        open_vault(role="versitygw", secret=tokens["ozone"])
    for token in (tokens["nginx"], gated_region.token, "nobody"):
        with pytest.raises(Forbidden):
            open_vault(token=token).secrets.kv.v1.read_secret(person.access_key, mount_point="secret")

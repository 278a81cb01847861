"""What clients of CloudStack and of the Query APIs sign, in query and form, is theirs; and nothing changed on the way is."""

from __future__ import annotations

import pytest

from tests.differential.changed import tried_everywhere
from tests.differential.orders import ACCESS_KEY
from tests.differential.query_signers import CLOUDSTACK, QUERY_APIS

PARAMETERS = {
    "plain": {},
    "spaces": {"name": " two  words "},
    "unicode": {"name": "ünïcödé 日本語 🦊"},
    "plus": {"name": "1+1=2&x;y#z?"},
    "percent": {"name": "100%2F%"},
    "slashes": {"name": "/a//b/../.-_"},
    "quotes": {"name": "\"'<>\\^`{|}"},
    "tilde": {"name": "~"},
    "star": {"name": "*"},
    "brackets": {"name": "[a]"},
    "empty": {"name": ""},
    "newline": {"name": "a\nb\tc"},
    "indexed": {"details[0].key": "x", "details[0].value": "y"},
    "cases": {"vmSnapshotId": "A", "vmid": "b"},
    "sorting": {"B": "1", "a-b": "2", "a": "3", "a1": "4", "a.b": "5", "a_b": "6"},
    "long": {"name": "é" * 500},
}
UNENCODED = "leaves in the string to sign what CloudStack's server encodes"
DEFECTS = {
    **{(client, "tilde"): UNENCODED for client in CLOUDSTACK},
    ("libcloud", "brackets"): UNENCODED,
    **{
        (
            "libcloud",
            name,
        ): "sorts names in lower case, as CloudStack's documentation says and its server does not"
        for name in ("cases", "sorting")
    },
}
"""What a client signs in another way than CloudStack's server: refused there and here, unless leniency is asked for."""

methods = pytest.mark.parametrize("method", ["GET", "POST"])
everything = pytest.mark.parametrize("name", PARAMETERS)


@methods
@everything
@pytest.mark.parametrize("client", CLOUDSTACK)
async def test_a_clients_call_is_theirs(judge, client, method, name):
    request = CLOUDSTACK[client](dict(PARAMETERS[name]), method)
    expected = "SignatureMismatch" if (client, name) in DEFECTS else ACCESS_KEY
    assert await judge(request) == expected, request


@methods
@everything
@pytest.mark.parametrize("client", CLOUDSTACK)
@pytest.mark.parametrize("settings", [{"CLOUDSTACK_LENIENT": "true"}], ids=["lenient"])
async def test_every_client_is_understood_where_the_operator_is_lenient(judge, client, method, name):
    assert await judge(CLOUDSTACK[client](dict(PARAMETERS[name]), method)) == ACCESS_KEY


@methods
@everything
@pytest.mark.parametrize("client", QUERY_APIS)
async def test_a_clients_query_is_theirs(judge, client, method, name):
    assert await judge(QUERY_APIS[client](dict(PARAMETERS[name]), method)) == ACCESS_KEY


@methods
@everything
@pytest.mark.parametrize("client", [*CLOUDSTACK, *QUERY_APIS])
async def test_changed_in_one_place_it_is_nobodys(judge, client, method, name):
    if (client, name) in DEFECTS:
        return
    request = (CLOUDSTACK | QUERY_APIS)[client](dict(PARAMETERS[name]), method)
    kinds = await tried_everywhere(request, judge, seed=f"{client} {method} {name}")
    assert {"path", "query", "header"} <= kinds

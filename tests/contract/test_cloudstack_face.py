"""``/client/api`` as clients of CloudStack see it: names, statuses, and bodies in JSON and XML."""

from __future__ import annotations

import asyncio
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest

from authsvc.faces.cloudstack.envelopes import envelope
from tests.standins import TOKEN, World, cloudstack_query, s3_question, secret_of

NOT_VERIFIED = "unable to verify user credentials and/or request signature"
USER = {
    "id": "uuid-alice",
    "username": "alice",
    "firstname": "Ada & <b>",
    "lastname": "Łovelace",
    "email": "alice@example.com",
    "created": "2013-04-03T14:40:00+0000",
    "state": "enabled",
    "account": "acme",
    "accounttype": 0,
    "usersource": "native",
    "roleid": "role-1",
    "roletype": "Admin",
    "rolename": "Root Admin",
    "domainid": "uuid-root",
    "domain": "ROOT",
    "apikey": "ALICEKEY",
    "accountid": "2",
    "iscallerchilddomain": False,
    "isdefault": False,
}
LOCAL = {
    "id": 1,
    "name": "Local",
    "endpoint": "http://localhost:8080/client/",
    "gslbserviceenabled": True,
    "portableipserviceenabled": True,
}
SUED = {
    "id": 2,
    "name": "Süd & <Co>",
    "endpoint": "https://two.example/client/",
    "gslbserviceenabled": True,
    "portableipserviceenabled": False,
}


@pytest.fixture
async def client(world):
    async with world.client() as client:
        yield client


async def called(client, query, status=200, method="GET", **options):
    response = await client.request(method, f"/client/api?{query}" if query else "/client/api", **options)
    assert response.status == status, await response.text()
    return response


async def asked(client, key="ADMINKEY", status=200, **parameters):
    """Call in JSON, and return what stands under the one top-level name, with the name."""
    response = await called(client, cloudstack_query(key, response="json", **parameters), status)
    assert response.headers["Content-Type"] == "application/json; charset=UTF-8"
    ((name, document),) = (await response.json()).items()
    return name, document


def failed(errorcode, errortext, **more):
    return {"uuidList": [], "errorcode": errorcode, **more, "errortext": errortext}


async def test_get_user_says_whose_key_it_is(client, world):
    assert await asked(client, command="getUser", userapikey="ALICEKEY") == (
        "getuserresponse",
        {"user": USER},
    )
    assert [(event["use_case"], event["verdict"], event["user_id"]) for event in world.events] == [
        ("getUser", "allow", "uuid-admin")
    ]


async def test_get_user_never_gives_the_secret_away(client):
    response = await called(
        client, cloudstack_query("ADMINKEY", command="getUser", userapikey="ALICEKEY", response="json")
    )
    assert "secret" not in await response.text()


async def test_get_user_answers_for_disabled_users_with_their_state(client):
    _, document = await asked(client, command="getUser", userapikey="OFFKEY")
    assert document["user"]["state"] == "disabled"


async def test_parameter_names_have_no_case_and_values_have(client):
    assert (await asked(client, command="getUser", userApiKey="ALICEKEY"))[1] == {"user": USER}
    await asked(client, status=431, command="getUser", userapikey="alicekey")


async def test_xml_is_what_is_spoken_unless_asked_otherwise(client):
    response = await called(client, cloudstack_query("ADMINKEY", command="getUser", userapikey="ALICEKEY"))
    assert response.headers["Content-Type"] == "text/xml; charset=UTF-8"
    text = await response.text()
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?><getuserresponse><user><id>uuid-alice</id>')
    (user,) = ET.fromstring(text)
    assert {child.tag: child.text for child in user} == {
        name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in USER.items()
    }


async def test_list_regions(client):
    everybody = {"count": 2, "region": [LOCAL, SUED]}
    for key in ("ADMINKEY", "ALICEKEY"):
        assert await asked(client, key, command="listRegions") == ("listregionsresponse", everybody)
    assert await asked(client, command="listRegions", keyword="x", listAll="true") == (
        "listregionsresponse",
        everybody,
    )


@pytest.mark.parametrize(
    ("parameters", "document"),
    [
        ({"id": "2"}, {"count": 1, "region": [SUED]}),
        ({"id": "2", "name": "Local"}, {"count": 1, "region": [SUED]}),
        ({"name": "local"}, {"count": 1, "region": [LOCAL]}),
        ({"id": "7"}, {}),
        ({"name": "nowhere"}, {}),
        ({"page": "1", "pagesize": "1"}, {"count": 2, "region": [LOCAL]}),
        ({"page": "2", "pagesize": "1"}, {"count": 2, "region": [SUED]}),
        ({"page": "3", "pagesize": "1"}, {"count": 2}),
        ({"page": "1", "pagesize": "-1"}, {"count": 2, "region": [LOCAL, SUED]}),
        ({"page": "0", "pagesize": "500"}, {"count": 2, "region": [LOCAL, SUED]}),
        ({"page": "", "id": ""}, {"count": 2, "region": [LOCAL, SUED]}),
    ],
)
async def test_list_regions_some_of_them(client, parameters, document):
    assert await asked(client, command="listRegions", **parameters) == ("listregionsresponse", document)


async def test_a_list_in_xml_repeats_its_name(client):
    response = await called(client, cloudstack_query("ALICEKEY", command="listRegions"))
    count, *regions = ET.fromstring(await response.text())
    assert (count.tag, count.text) == ("count", "2")
    assert [(region.tag, region.find("name").text) for region in regions] == [
        ("region", "Local"),
        ("region", "Süd & <Co>"),
    ]
    empty = await called(client, cloudstack_query("ALICEKEY", command="listRegions", id="7"))
    assert (
        await empty.text()
        == '<?xml version="1.0" encoding="UTF-8"?><listregionsresponse></listregionsresponse>'
    )


@pytest.mark.parametrize("where", ["query", "form", "both"])
async def test_a_post_is_the_union_of_query_and_form(client, where):
    query = cloudstack_query("ADMINKEY", command="getUser", userapikey="ALICEKEY", response="json")
    cut = {"query": len(query), "form": 0, "both": query.index("userapikey")}[where]
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    response = await called(
        client, query[:cut].strip("&"), method="POST", data=query[cut:].encode(), headers=form
    )
    assert await response.json() == {"getuserresponse": {"user": USER}}


async def test_a_body_of_another_type_holds_no_parameters(client):
    query = cloudstack_query("ADMINKEY", command="getUser", userapikey="ALICEKEY", response="json")
    response = await called(
        client, "response=json", 401, "POST", data=query.encode(), headers={"Content-Type": "text/plain"}
    )
    assert await response.json() == {"null": failed(401, NOT_VERIFIED)}


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("", "errorresponse"),
        ("response=json", "null"),
        ("command=listUsers&response=json", "errorresponse"),
        ("command=getuser&response=json", "errorresponse"),
        ("command=&response=json", "errorresponse"),
        ("command=getUser&response=json", "getuserresponse"),
        ("command=getUser&apiKey=ADMINKEY&userapikey=ALICEKEY&response=json", "getuserresponse"),
        ("command=getUser&signature=x&userapikey=ALICEKEY&response=json", "getuserresponse"),
        ("command=getUser&apiKey=ADMINKEY&signature=x&userapikey=ALICEKEY&response=json", "getuserresponse"),
        ("command=listRegions&response=JSON", "listregionsresponse"),
        ("command=listRegions&%zz=1&response=json", "listregionsresponse"),
        ("command=listRegions&a%3Db=1&apiKey=ADMINKEY&signature=x&response=json", "listregionsresponse"),
        ("command=listRegions&apiKey=%ff&signature=%00&response=json", "listregionsresponse"),
    ],
)
async def test_what_does_not_verify_is_401_in_one_wording(client, query, name):
    response = await called(client, query, 401)
    assert "X-Description" not in response.headers
    if "json" in query.lower():
        assert await response.json() == {name: failed(401, NOT_VERIFIED)}
    else:
        assert await response.text() == (
            f'<?xml version="1.0" encoding="UTF-8"?><{name}>'
            f"<errorcode>401</errorcode><errortext>{NOT_VERIFIED}</errortext></{name}>"
        )


@pytest.mark.parametrize(
    ("key", "options"),
    [
        ("NOBODY", {}),
        ("ADMINKEY", {"secret": "another"}),
        ("ADMINKEY", {"expires_in": -1}),
        ("OFFKEY", {}),
        ("TWICEKEY", {}),
        ("NARROWKEY", {}),
        ("adminkey", {"secret": secret_of("ADMINKEY")}),
    ],
)
async def test_the_cause_is_for_our_log_alone(client, world, key, options):
    query = cloudstack_query(key, command="getUser", userapikey="ALICEKEY", response="json", **options)
    response = await called(client, query, 401)
    assert await response.json() == {"getuserresponse": failed(401, NOT_VERIFIED)}
    assert world.events[0]["verdict"] == "deny"
    assert world.events[0]["reason"] in {"UnknownAccessKey", "SignatureMismatch", "Expired", "AccountProblem"}


async def test_a_tampered_call_does_not_verify(client):
    query = cloudstack_query("ADMINKEY", command="getUser", userapikey="ALICEKEY", response="json")
    await called(client, query.replace("ALICEKEY", "OFFKEY"), 401)
    await called(client, query + "&userapikey=OFFKEY", 401)
    await called(client, query + "&UserApiKey=OFFKEY", 401)


async def test_a_signature_of_another_scheme_opens_nothing_here(client):
    question = s3_question("ADMINKEY", target="/client/api?command=listRegions&response=json")
    response = await client.get(
        "/client/api?command=listRegions&response=json", headers=dict(question["headers"])
    )
    assert response.status == 401


async def test_a_caller_token_is_no_signature(client):
    await called(client, "command=listRegions", 401, headers={"Authorization": f"Bearer {TOKEN}"})


async def test_get_user_is_for_root_admins(client):
    name, document = await asked(client, "ALICEKEY", 432, command="getUser", userapikey="ALICEKEY")
    text = "The API [getUser] does not exist or is not available for the account 2."
    assert (name, document) == ("errorresponse", failed(432, text, cserrorcode=9999))
    query = cloudstack_query("ALICEKEY", command="getUser", userapikey="ALICEKEY", secret="wrong")
    await called(client, query, 401)


@pytest.mark.parametrize("command", ["getUser", "listRegions"])
async def test_a_restricted_key_opens_nothing_even_where_policy_admits_it(command):
    async with World(restricted_keys=True).client() as client:
        name, document = await asked(client, "NARROWKEY", 432, command=command, userapikey="ALICEKEY")
        assert (name, document["errorcode"]) == ("errorresponse", 432)


@pytest.mark.parametrize(
    ("parameters", "text", "cserrorcode"),
    [
        ({"userapikey": "NOBODY"}, "User with specified API key does not exist", 4350),
        ({"userapikey": "TWICEKEY"}, "More than one user has the specified API key", 4350),
        (
            {"userapikey": ""},
            "Unable to execute API command getuser due to missing parameter userapikey",
            9999,
        ),
        ({}, "Unable to execute API command getuser due to missing parameter userapikey", 9999),
    ],
)
async def test_a_wrong_parameter_is_431(client, parameters, text, cserrorcode):
    query = cloudstack_query("ADMINKEY", command="getUser", response="json", **parameters)
    response = await called(client, query, 431)
    assert response.headers["X-Description"] == text
    assert await response.json() == {"getuserresponse": failed(431, text, cserrorcode=cserrorcode)}
    response = await called(client, cloudstack_query("ADMINKEY", command="getUser", **parameters), 431)
    root = ET.fromstring(await response.text())
    assert (root.tag, root.findtext("errorcode"), root.findtext("cserrorcode")) == (
        "getuserresponse",
        "431",
        str(cserrorcode),
    )


@pytest.mark.parametrize(
    "parameters",
    [
        {"id": "one"},
        {"id": "1e3"},
        {"id": "１"},
        {"id": "9" * 30},
        {"page": "x"},
        {"pagesize": "0"},
        {"pagesize": "501"},
        {"pagesize": "-2"},
        {"name": "a\x01b"},
    ],
)
async def test_what_list_regions_cannot_read_is_431(client, parameters):
    name, document = await asked(client, status=431, command="listRegions", **parameters)
    assert (name, document["errorcode"]) == ("listregionsresponse", 431)


async def test_could_not_tell_is_503_and_neither_yes_nor_no(client, world):
    world.directory.down = True
    response = await called(client, cloudstack_query("ADMINKEY", command="listRegions", response="json"), 503)
    assert response.headers["Retry-After"] in ("1", "2", "3")
    ((name, document),) = (await response.json()).items()
    assert (name, document["errorcode"]) == ("listregionsresponse", 503)
    world.directory.down = False
    world.regions.down = True
    await asked(client, status=503, command="listRegions")
    world.regions.down = False
    assert (await asked(client, command="listRegions"))[0] == "listregionsresponse"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_are_405(client, method):
    response = await called(client, "command=listRegions&response=json", 405, method)
    assert response.headers["Allow"] == "GET,HEAD,POST"


async def test_head_is_get_without_the_body(client):
    response = await called(client, cloudstack_query("ALICEKEY", command="listRegions"), method="HEAD")
    assert await response.read() == b""
    assert int(response.headers["Content-Length"]) > 100


async def test_a_form_of_more_than_64_kib_is_413(client):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    response = await called(client, "", 413, "POST", data=b"a=" + b"b" * 65536, headers=form)
    assert "<errorcode>413</errorcode>" in await response.text()


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /client/api?\xff\xfe=\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://y/client/api?command=listRegions HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /client/api?command=listRegions HTTP/1.1\r\nHost: x\r\nX-A: \xff\xfe\r\n\r\n",
        b"GET /client/api?command=listRegions#x HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /client/api?" + b"&" * 8000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /client/api HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\n\xff=\xff",
        b"POST /client/api HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded; charset=utf-7\r\nContent-Length: 3\r\n\r\n\xff=\xff",
        b"POST /client/api HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data\r\nContent-Length: 3\r\n\r\n\xff=\xff",
        b"GET /client/api?command=getUser&" + quote("\ud800", errors="surrogatepass").encode() + b"=1 HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)  # fmt: skip
async def test_odd_bytes_do_not_verify_and_find_no_fault(client, world, raw):
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(raw)
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    writer.close()
    assert head.split()[1] in (b"400", b"401"), head
    assert not [event for event in world.events if event["status"] >= 500]


async def test_what_xml_cannot_hold_is_left_out():
    response = envelope(
        "r", {"a": "x\x00\x1b\ufffe<&>\"'", "b": True, "c": None, "d": 7, "e": ["1", "2"]}, json=False
    )
    root = ET.fromstring(response.body)
    assert [(child.tag, child.text) for child in root] == [
        ("a", "x<&>\"'"),
        ("b", "true"),
        ("d", "7"),
        ("e", "1"),
        ("e", "2"),
    ]

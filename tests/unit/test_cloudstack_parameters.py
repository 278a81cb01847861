"""The parameters a CloudStack signature covers: from query and form, each once, each readable in one way."""

import dataclasses

import pytest

from authsvc import signing
from authsvc.errors import DuplicateParameter, MalformedParameters
from authsvc.signing.cloudstack import parameters
from tests.cloudstack_requests import FORM, KEY, PLAIN, STRICT, encode, get, post, proven, sign, signed


@pytest.mark.parametrize(
    "split", [(), ("apiKey",), ("signature",), ("command", "response"), (*PLAIN, "signature")]
)
def test_query_and_form_are_one_set_of_parameters(split):
    sent = {**PLAIN, "signature": sign(PLAIN)}
    query = encode({name: value for name, value in sent.items() if name not in split})
    form = encode({name: value for name, value in sent.items() if name in split})

    assert proven(post(form, query=query)).access_key == KEY


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded; charset=UTF-8",
        'Application/X-WWW-Form-Urlencoded ;charset="utf-8"',
        "application/x-www-form-urlencoded;",
    ],
)
def test_a_forms_content_type_may_say_utf_8(content_type):
    assert proven(post(encode({**PLAIN, "signature": sign(PLAIN)}), content_type=content_type))


@pytest.mark.parametrize("content_type", [None, "application/json", "multipart/form-data; boundary=x"])
def test_a_body_of_another_type_holds_no_parameters(content_type):
    request = post("command=deleteEverything", query=encode({**PLAIN, "signature": sign(PLAIN)}))
    headers = (("Content-Type", content_type),) if content_type else ()

    proven(dataclasses.replace(request, headers=headers))


def test_parameters_are_decoded_and_keep_their_order():
    request = post("c=%C3%A9+f&d", query="signature=x&b%5B0%5D.k=1%2B1&&a=")

    assert list(parameters(request).items()) == [
        ("signature", "x"),
        ("b[0].k", "1+1"),
        ("a", ""),
        ("c", "é f"),
        ("d", ""),
    ]


def test_an_empty_value_is_signed_as_one():
    sent = {**PLAIN, "keyword": ""}

    proven(signed(sent))
    proven(get(encode({**sent, "signature": sign(sent)}).replace("keyword=", "keyword")))


@pytest.mark.parametrize(
    "request_",
    [
        get("apiKey=a&signature=b&page=1&page=1"),
        get("apiKey=a&signature=b&page=1&page=2"),
        get("apiKey=a&signature=b&page=1&%70age=2"),
        get("apiKey=a&apikey=b&signature=c"),
        get("apiKey=a&apiKey=a&signature=c"),
        get("apiKey=a&signature=b&Signature=c"),
        get("apiKey=a&signature=b&expires=1&EXPIRES=2"),
        get("apiKey=a&signature=b&signatureVersion=3&signatureversion=1"),
        get("apiKey=a&signature=b&command=x&Command=y"),
        get("apiKey=a&signature=b&zone=x&ZONE=y"),
        get("apiKey=a&signature=b&page&page=1"),
        post("apiKey=a", query="apiKey=b&signature=c"),
        post("apiKey=a&signature=b&x=1&x=2"),
        post("x=1", query="apiKey=b&signature=c&X=2"),
    ],
)
def test_a_name_given_twice_is_refused(request_):
    with pytest.raises(DuplicateParameter) as refused:
        parameters(request_)

    assert refused.value.detail["argument_name"]


@pytest.mark.parametrize(
    "part",
    [
        "available%3Dtrue%26command=listZones",
        "a%26b=1",
        "=1",
        "na%20me=1",
        "na+me=1",
        "n%00=1",
        "n%C3%A4me=1",
        "na/me=1",
        "name%0A=1",
        "na%25me=1",
        "%C4%B0=1",
        "value=%zz",
        "value=%",
        "value=%F",
        "value=%FF",
        "value=%C0%AF",
        "value=%ED%A0%80",
        "value=%2",
        "%zz=1",
    ],
)
@pytest.mark.parametrize("in_form", [False, True])
def test_a_parameter_that_can_be_read_in_two_ways_or_none_is_refused(part, in_form):
    sent = encode({**PLAIN, "signature": sign(PLAIN)})
    request = post(f"{sent}&{part}") if in_form else get(f"{sent}&{part}")

    with pytest.raises(MalformedParameters):
        parameters(request)
    with pytest.raises(MalformedParameters):
        STRICT.read(request)


def test_two_parameters_merged_into_one_name_are_refused_though_they_sign_alike():
    sent = {**PLAIN, "available": "true"}
    merged = {"apiKey": KEY, "available=true&command": "listUsers", "response": "json"}
    assert sign(sent) == sign(merged)

    with pytest.raises(MalformedParameters, match="name"):
        signing.read((STRICT,), get(encode({**merged, "signature": sign(sent)})))


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (get("apiKey=a&signature=b&x=é"), "percent-encoded"),
        (post(b"apiKey=a&signature=b&x=\xe9"), "not UTF-8"),
        (post("apiKey=a&signature=b", content_type=f"{FORM[1]}; charset=ISO-8859-1"), "charset"),
        (post("apiKey=a&signature=b", content_type=f"{FORM[1]}; charset=utf-8; charset=utf-16"), "charset"),
        (post("apiKey=a&signature=b", method="PUT"), "POST"),
        (post("x=1", query="apiKey=a&signature=b", method="GET"), "POST"),
    ],
)
def test_a_form_that_a_server_would_read_otherwise_is_refused(request_, said):
    assert STRICT.recognises(request_)
    with pytest.raises(MalformedParameters, match=said):
        STRICT.read(request_)


def test_a_parameter_does_not_move_into_a_body_that_nobody_reads():
    sent = {**PLAIN, "domainid": "7"}
    rest = encode({**PLAIN, "signature": sign(sent)})

    with pytest.raises(MalformedParameters):
        proven(post("domainid=7", query=rest, method="GET"))


def test_raw_utf_8_in_a_form_is_what_its_escapes_are():
    sent = {**PLAIN, "name": "é"}
    body = encode({**sent, "signature": sign(sent)}).replace("%C3%A9", "é")

    proven(post(body))


@pytest.mark.parametrize("key", ["", "a\x00b", "a\nb", "k" * 257])
def test_a_missing_or_impossible_api_key_is_refused(key):
    with pytest.raises(MalformedParameters, match="apiKey"):
        STRICT.read(get(encode({**PLAIN, "apiKey": key, "signature": sign(PLAIN)})))


def test_two_content_types_are_no_way_around():
    request = dataclasses.replace(
        post(encode({**PLAIN, "signature": sign(PLAIN)})), headers=(("Content-Type", "text/plain"), FORM)
    )

    assert STRICT.recognises(request)
    with pytest.raises(DuplicateParameter):
        STRICT.read(request)

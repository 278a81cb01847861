"""CloudStack signatures and ciphers under inputs nobody thought of, and against published clients' own signers."""

import base64
import string
from itertools import pairwise
from types import SimpleNamespace
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import cs
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from libcloud.common.cloudstack import CloudStackConnection

from authsvc import signing
from authsvc.directory.cipher import SecretCipher
from authsvc.errors import Malformed, SecretUnreadable, SignatureMismatch
from authsvc.model import Secret
from authsvc.signing import SignedRequest
from authsvc.signing.cloudstack import CloudStack, canonical_string, parameters, signature

KEY = "the-api-key"
SECRET = Secret("the secret key")
STRICT = CloudStack()
LENIENT = CloudStack(lenient=True)
FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
ENDPOINT = "https://cloud.example/client/api"

TAKEN_BY_CS = {"json", "opcode_name", "fetch_list", "headers"}
"""Arguments of the client's own, which it sends to nobody."""

names = st.text(alphabet=string.ascii_letters + string.digits + "_.-[]", min_size=1, max_size=12).filter(
    lambda name: name not in TAKEN_BY_CS
)
values = st.text(st.characters(codec="utf-8"), max_size=20)
own = st.dictionaries(names, values, max_size=6).filter(
    lambda found: len({name.lower() for name in found} | {"apikey", "signature"}) == len(found) + 2
)
PIECES = """
    apiKey=k signature=AAAAAAAAAAAAAAAAAAAAAAAAAAA= signatureVersion=3 expires=2030-01-01T00:00:00Z Apikey command
    & & & = % %41 %ff %00 %C3%A9 + é ~ [0] \x7f ; https:// :: AWSAccessKeyId=x
"""
fragments = st.lists(
    st.sampled_from(PIECES.split()) | st.text(st.characters(codec="utf-8"), max_size=4), max_size=16
).map("".join)


def encoded(sent):
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sent.items())


def signed(sent):
    told = {"apiKey": KEY, **sent}
    return {**told, "signature": signature(SECRET, canonical_string(told))}


def get(query):
    return SignedRequest(method="GET", target=f"/client/api?{query}", headers=())


def post(query, form):
    return SignedRequest(method="POST", target=f"/client/api?{query}", headers=FORM, body=form.encode())


def read(scheme, request):
    """Return the claim, or the one kind of refusal that reading may end in."""
    try:
        return scheme.read(request)
    except Malformed as error:
        return error


def accepted(request, scheme=STRICT):
    """Say whether the request is read and proves; anything raised but the two refusals is a failure."""
    try:
        signing.prove((scheme,), signing.read((scheme,), request), SECRET)
    except (Malformed, SignatureMismatch):
        return False
    return True


def seen(request):
    """What a CloudStack would act on, blind to case as its signature is."""
    return {name.lower(): value.lower() for name, value in parameters(request).items()}


@given(
    query=fragments, form=fragments | st.binary(max_size=40), method=st.sampled_from(["GET", "POST", "PUT"])
)
def test_reading_raises_malformed_and_nothing_else(query, form, method):
    body = form.encode() if isinstance(form, str) else form
    try:
        request = SignedRequest(method=method, target=f"/client/api?{query}", headers=FORM, body=body)
    except Malformed:
        return

    assert STRICT.recognises(request) in {True, False}
    for scheme in (STRICT, LENIENT):
        outcome = read(scheme, request)
        if isinstance(outcome, Malformed):
            assert type(outcome) is not Malformed
        else:
            with pytest.raises(SignatureMismatch):
                scheme.prove(outcome, SECRET)


@given(sent=own, in_form=st.sets(names))
def test_what_is_signed_proves_wherever_its_parameters_stand(sent, in_form):
    told = signed(sent)
    query = encoded({name: value for name, value in told.items() if name not in in_form})
    form = encoded({name: value for name, value in told.items() if name in in_form})

    for scheme in (STRICT, LENIENT):
        assert accepted(post(query, form), scheme)
    assert accepted(get(encoded(told)))


@given(sent=own, data=st.data())
def test_a_changed_character_is_refused_or_changes_nothing(sent, data):
    query = encoded(signed(sent))
    index = data.draw(st.integers(0, len(query) - 1))
    altered = data.draw(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#"))
    assume(altered != query[index])
    request = get(query[:index] + altered + query[index + 1 :])

    for scheme in (STRICT, LENIENT):
        if accepted(request, scheme):
            assert seen(request) == seen(get(query))


@given(sent=own, data=st.data())
def test_a_flipped_bit_of_the_signature_is_refused(sent, data):
    told = signed(sent)
    raw = bytearray(base64.b64decode(told["signature"]))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    told["signature"] = base64.b64encode(raw).decode()

    assert not accepted(get(encoded(told)), LENIENT)


@given(sent=own, other=names, value=values)
def test_a_parameter_added_or_taken_away_is_refused(sent, other, value):
    told = signed(sent)
    assume(other.lower() not in {name.lower() for name in told})

    assert not accepted(get(encoded({**told, other: value})), LENIENT)
    for name in sent:
        assert not accepted(get(encoded({kept: told[kept] for kept in told if kept != name})), LENIENT)


@given(sent=own)
def test_no_two_parameters_can_be_merged_into_one(sent):
    told = signed(sent)
    ordered = sorted(name for name in told if name != "signature")
    for first, second in pairwise(ordered):
        merged = f"{first}={quote(told[first], safe='*')}&{second}"
        rest = {name: value for name, value in told.items() if name not in (first, second)}
        attack = encoded({**rest, merged: told[second]})

        assert not accepted(get(attack), LENIENT)
        assert not accepted(post(encoded(rest), encoded({merged: told[second]})), LENIENT)


@given(first=own, second=own)
def test_no_two_requests_share_a_string_to_sign(first, second):
    """In any spelling: a string to sign gives back the parameters it was made of, but for case."""
    one, other = get(encoded(signed(first))), get(encoded(signed(second)))
    shared = {*LENIENT.read(one).strings_to_sign} & {*LENIENT.read(other).strings_to_sign}

    assert not shared or {**seen(one), "signature": ""} == {**seen(other), "signature": ""}


@settings(max_examples=25, deadline=None)
@given(text=st.text(st.characters(codec="utf-8"), min_size=1, max_size=40), stored=st.text(max_size=60))
def test_the_cipher_gives_back_what_it_took_and_says_unreadable_to_all_else(text, stored):
    cipher = SecretCipher([Secret("first"), Secret("ключ")])

    assert cipher.decrypt(cipher.encrypt(Secret(text))).reveal() == text
    with pytest.raises(SecretUnreadable):
        cipher.decrypt(stored)


class Wire:
    """Takes the place of a client's HTTP session and keeps what it would have sent."""

    def send(self, prepared, **_options):
        self.sent = prepared
        return SimpleNamespace(
            headers={"Content-Type": "application/json"}, status_code=200, json=lambda: {"x": {}}
        )


def through_cs(sent, *, method="get", **options):
    """Return the request that the published client ``cs`` makes of the parameters."""
    wire = Wire()
    client = cs.CloudStack(
        endpoint=ENDPOINT, key=KEY, secret=SECRET.reveal(), method=method, session=wire, **options
    )
    client.listUsers(**sent)
    prepared = wire.sent
    target = urlsplit(prepared.url)
    body = prepared.body
    return SignedRequest(
        method=prepared.method,
        target=target.path + (f"?{target.query}" if target.query else ""),
        headers=tuple(prepared.headers.items()),
        body=body.encode() if isinstance(body, str) else body,
    )


def through_libcloud(sent):
    """Return the request that apache-libcloud's connection makes of the parameters."""
    connection = CloudStackConnection(user_id=KEY, key=SECRET.reveal())
    told, _ = connection.pre_connect_hook(connection.add_default_params({"command": "listUsers", **sent}), {})
    return get(urlencode(told, doseq=True))


TAME = [
    {},
    {"keyword": "plain"},
    {"keyword": "two words"},
    {"keyword": "a+b/c=d&e%20f"},
    {"keyword": "rés é ✓ 🔑"},
    {"keyword": "*.example.com"},
    {"keyword": "-._"},
    {"keyword": "UPPER Case"},
    {"keyword": ""},
    {"zoneid": "1", "account": "x", "Name": "y"},
]
ENCODED_OTHERWISE = [{"keyword": "~home"}, {"keyword": "a~b", "account": "x~"}]
BRACKETS = [{"keyword": "[0]"}, {"keyword": "a]b["}]
SORTED_OTHERWISE = [{"vmid": "7", "vmSnapshotId": "8"}, {"zoneid": "1", "Zebra": "2", "alpha": "3"}]


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("sent", TAME + BRACKETS + SORTED_OTHERWISE)
def test_cs_is_admitted_as_cloudstack_admits_it(sent, method):
    request = through_cs(sent, method=method)

    assert accepted(request, STRICT)
    assert accepted(request, LENIENT)


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("sent", ENCODED_OTHERWISE)
def test_cs_needs_leniency_for_a_tilde(sent, method):
    request = through_cs(sent, method=method)

    assert not accepted(request, STRICT)
    assert accepted(request, LENIENT)


def test_cs_signs_version_3_unless_told_otherwise():
    assert STRICT.read(through_cs({})).expires_at is not None
    assert STRICT.read(through_cs({}, expiration=-1)).expires_at is None


@pytest.mark.parametrize("sent", TAME)
def test_libcloud_is_admitted_as_cloudstack_admits_it(sent):
    request = through_libcloud(sent)

    assert accepted(request, LENIENT)
    assert accepted(request, STRICT) is ("Name" not in sent)


@pytest.mark.parametrize("sent", ENCODED_OTHERWISE + BRACKETS + SORTED_OTHERWISE)
def test_libcloud_needs_leniency_for_tilde_brackets_and_order(sent):
    request = through_libcloud(sent)

    assert not accepted(request, STRICT)
    assert accepted(request, LENIENT)


@settings(max_examples=50, deadline=None)
@given(value=st.text(st.characters(codec="utf-8"), max_size=20), name=names)
def test_every_value_a_client_signs_is_admitted_where_lenient(value, name):
    assume(name.lower() not in {"apikey", "signature", "command", "response", "expires", "signatureversion"})

    assert accepted(through_cs({name: value}), LENIENT)
    assert accepted(through_libcloud({name: value}), LENIENT)
    assert dict(parse_qsl(through_cs({name: value}).query, keep_blank_values=True))[name] == value


def test_the_attack_that_the_names_rule_stops_is_real():
    """A signer that does not encode names gives both requests one signature."""
    told = {"apiKey": KEY, "available": "true", "command": "listZones"}
    merged = {"apiKey": KEY, "available=true&command": "listZones"}

    assert canonical_string(told) == canonical_string(merged)
    assert unquote(encoded(told)) == unquote(encoded(merged))
    assert accepted(get(encoded({**told, "signature": signature(SECRET, canonical_string(told))})))
    assert not accepted(get(encoded({**merged, "signature": signature(SECRET, canonical_string(merged))})))

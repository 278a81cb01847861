"""signxml is asked about the same messages: where both can tell, they agree, and on the same Body."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from signxml.exceptions import SignXMLException

from authsvc.errors import AuthError
from authsvc.signing import wssecurity
from tests import soap
from tests.attacks.hostile_soap import ATTACKS, Caught
from tests.attacks.test_soap_attacks import mutated
from tests.properties.second_opinion import second_opinion

TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"),
    max_size=20,
)
NAME = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,8}", fullmatch=True)


@st.composite
def operations(draw, depth=3):
    """Draw an operation with elements, attributes and text in a few namespaces."""
    namespace = draw(st.sampled_from([soap.EC2, "urn:other", "http://example.com/x"]))
    prefix = draw(st.sampled_from([None, "e", "x1"]))
    element = etree.Element(f"{{{namespace}}}{draw(NAME)}", nsmap={prefix: namespace})
    element.text = draw(TEXT)
    for name in draw(st.sets(NAME.filter(lambda name: name.lower() != "id"), max_size=3)):
        element.set(name, draw(TEXT))
    if depth:
        for child in draw(st.lists(operations(depth=depth - 1), max_size=2)):
            child.tail = draw(TEXT)
            element.append(child)
    return element


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    operation=operations(),
    prefixes=st.sampled_from([None, "s", "s wsse wsu", "nowhere"]),
    digest=st.sampled_from(["sha1", "sha256", "sha512"]),
    order=st.permutations(["token", "signature", "timestamp"]),
)
def test_both_verify_the_same_body(operation, prefixes, digest, order):
    by = soap.signer()
    raw = soap.message(
        by,
        1_800_000_000.0,
        body=etree.tostring(operation).decode(),
        prefixes=prefixes,
        digest=digest,
        algorithm=f"rsa-{digest}",
        order=" ".join(order),
    )
    claim = wssecurity.read(raw)
    wssecurity.prove(claim, by.der)
    assert second_opinion(raw, by.der) == claim.body


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(chance=st.randoms(use_true_random=False))
def test_what_we_prove_they_verify(chance):
    """A mutation may leave what is signed alone; then both say so. They know no gate and may verify more."""
    by = soap.signer()
    raw = mutated(soap.message(by, 1_800_000_000.0), chance)
    try:
        claim = wssecurity.read(raw)
        wssecurity.prove(claim, by.der)
    except AuthError:
        return
    assert second_opinion(raw, by.der) == claim.body


def test_the_gate_is_needed():
    """Some messages that signxml verifies, used as its manual says, carry an operation that nobody signed."""
    now = time.time()
    caught = Caught(soap.signer(), soap.signer("mallory", number=3), now, soap.message(soap.signer(), now))
    passed = []
    for name in (
        "X1 signed Body in a header block",
        "X4 evil Body last",
        "X9 signed message inside a header of another",
    ):
        raw = ATTACKS[name](caught)
        with pytest.raises(AuthError):
            wssecurity.read(raw)
        try:
            second_opinion(raw, caught.user.der)
        except (SignXMLException, ValueError):
            continue
        passed.append(name)
    assert passed

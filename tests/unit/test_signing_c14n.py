"""Exclusive canonicalisation, and the prefixes that the binding to libxml2 drops."""

from __future__ import annotations

import subprocess
import sys

import pytest
from lxml import etree

from authsvc.errors import MalformedEnvelope
from authsvc.signing import c14n

DOCUMENT = b'<a:e xmlns:a="urn:a" xmlns="urn:d" xmlns:b="urn:b"><a:f a:x="1" y="2"/></a:e>'


@pytest.mark.parametrize(
    ("prefixes", "known"),
    [
        ((), b'<a:f xmlns:a="urn:a" y="2" a:x="1"></a:f>'),
        (("b",), b'<a:f xmlns:a="urn:a" xmlns:b="urn:b" y="2" a:x="1"></a:f>'),
        (("#default",), b'<a:f xmlns="urn:d" xmlns:a="urn:a" y="2" a:x="1"></a:f>'),
        (("#default", "b"), b'<a:f xmlns="urn:d" xmlns:a="urn:a" xmlns:b="urn:b" y="2" a:x="1"></a:f>'),
        (("nowhere",), b'<a:f xmlns:a="urn:a" y="2" a:x="1"></a:f>'),
    ],
)
def test_prefixes_are_included(prefixes, known):
    assert c14n.exclusive(etree.fromstring(DOCUMENT)[0], prefixes) == known


def in_a_fresh_process(*lines):
    code = "\n".join(("from lxml import etree", "from authsvc.signing import c14n", *lines))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_the_default_prefix_is_known_to_a_process_that_has_parsed_nothing():
    ran = in_a_fresh_process("c14n.check()")
    assert ran.returncode == 0, ran.stderr


def test_the_known_answer_finds_a_library_that_drops_it():
    ran = in_a_fresh_process("c14n._DEFAULT = 'never'", "c14n.check()")
    assert "canonicalises otherwise" in ran.stderr


def test_what_has_no_canonical_form_is_refused():
    with pytest.raises(MalformedEnvelope):
        c14n.exclusive(etree.fromstring('<a xmlns:r="relative" r:b="1"/>'))

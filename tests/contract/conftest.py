"""What most faces are tried in."""

import pytest
from jsonschema import Draft202012Validator

from authsvc.certificates import sql as certificates
from authsvc.directory import engine
from authsvc.faces.native.openapi import document
from tests.standins import World


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    """Let whoever is asked take their time on a machine that others keep busy: contracts are not about haste."""
    monkeypatch.setattr(engine, "HANDSHAKE", 10.0)
    monkeypatch.setattr(certificates, "DEADLINE", 10.0)


@pytest.fixture
def world():
    """A small world; a suite that needs another makes its own."""
    return World()


@pytest.fixture
def schemas():
    """Return a check of a document against one of the published schemas."""
    described = document()

    def check(name, instance):
        reference = {"$ref": f"#/components/schemas/{name}", "components": described["components"]}
        Draft202012Validator(reference).validate(instance)

    return check

import pytest

from authsvc.certificates import sql as certificates
from authsvc.directory import engine


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    """Let whoever is asked take their time on a machine that others keep busy: contracts are not about haste."""
    monkeypatch.setattr(engine, "HANDSHAKE", 10.0)
    monkeypatch.setattr(certificates, "DEADLINE", 10.0)

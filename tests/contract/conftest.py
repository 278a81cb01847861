"""What most faces are tried in."""

import pytest

from tests.standins import World


@pytest.fixture
def world():
    """A small world; a suite that needs another makes its own."""
    return World()

"""How tests here are called."""

from __future__ import annotations

import pytest


def called(number, name, *values):
    """Name a case after its row, so that a reader can tick rows off."""
    return pytest.param(*values, id=f"row-{number:02}-{name}")

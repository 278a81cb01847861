"""What is deployed may be deployed by anybody: every runtime dependency is permissively licensed."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

import pytest
from packaging.markers import Marker

ROOT = Path(__file__).parents[2]

PERMISSIVE = {
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "MIT-0",
    "PSF-2.0",
    "Unlicense",
}

# The same in other words, of packages that do not yet declare an SPDX expression.
IN_OTHER_WORDS = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "Python Software Foundation License": "PSF-2.0",
}

# Whose licence asks for something all the same, and why that is all right.
ASKS_FOR_SOMETHING = {
    # Mozilla's is about the files it covers: who changes those passes the change on. We install it as it is: a list
    # of certificates, which deliveries to collectors are checked by.
    "certifi": "MPL-2.0",
}


def deployed() -> list[str]:
    """Return the names in the lock file, extras included, that this Python installs."""
    text = (ROOT / "requirements-full.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if "==" in line]
    found = []
    for line in lines:
        name, _, rest = line.removesuffix(" \\").partition("==")
        marker = rest.partition(" ; ")[2]
        if not marker or Marker(marker).evaluate():
            found.append(name)
    return found


def licence(name: str) -> str:
    """Return what the installed package says of itself, as an SPDX expression."""
    metadata = importlib.metadata.metadata(name)
    said = metadata.get("License-Expression") or metadata.get("License") or ""
    if not said:
        classifiers = [each for each in metadata.get_all("Classifier") or [] if each.startswith("License ::")]
        said = classifiers[0].rpartition(" :: ")[2] if len(classifiers) == 1 else ""
    return IN_OTHER_WORDS.get(said, said)


def is_permissive(expression: str) -> bool:
    """Say whether every licence named in an expression is on the list."""
    named = re.findall(r"[\w.+-]+", re.sub(r"\b(AND|OR|WITH)\b", " ", expression))
    return bool(named) and set(named) <= PERMISSIVE


@pytest.mark.parametrize("name", deployed())
def test_a_runtime_dependency_is_permissively_licensed(name):
    said = licence(name)
    assert is_permissive(said) or ASKS_FOR_SOMETHING.get(name) == said, f"{name} says {said!r}"


def test_no_exception_is_kept_without_need():
    assert {name for name in ASKS_FOR_SOMETHING if is_permissive(licence(name))} == set()
    assert set(ASKS_FOR_SOMETHING) <= set(deployed())


@pytest.mark.parametrize("said", ["GPL-3.0-only", "MIT AND LGPL-2.1", "", "Proprietary", "AGPL-3.0 OR MIT"])
def test_what_is_not_permissive_would_be_seen(said):
    assert not is_permissive(said)

"""Published JavaScript clients, installed beside `js/package.json`, as signers for tests.

python -m tests.clients.javascript install   puts them into js/node_modules, each package checked by its hash
python -m tests.clients.javascript lock      writes js/packages.json anew, from js/package.json
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

HOME = Path(__file__).with_name("js")
ASKED, LISTED, DRIVER = HOME / "package.json", HOME / "packages.json", HOME / "sign.mjs"
INSTALLED = HOME / "node_modules"
STAMP = INSTALLED / "installed-by-tests-run"
OLDEST_NODE = 18
KEPT = ("version", "integrity", "dependencies", "optional", "peer", "dev")
NPM = ("npm", "--no-audit", "--no-fund", "--no-update-notifier", "--ignore-scripts", "--loglevel=error")


class JavaScriptMissing(RuntimeError):
    """Node.js, npm or the clients are not there; the text says what to do."""


def lock_file() -> dict[str, Any]:
    """Make of the list what npm calls a lock: it installs these versions and refuses other bytes."""
    asked, listed = json.loads(ASKED.read_text()), json.loads(LISTED.read_text())
    top = {"name": asked["name"], "dependencies": asked["dependencies"]}
    return {"name": asked["name"], "lockfileVersion": 3, "requires": True, "packages": {"": top, **listed}}


def install() -> None:
    """Install the listed packages, unless they are.

    Raises:
        JavaScriptMissing: There is no Node.js or npm, or npm could not.
    """
    if STAMP.is_file() and STAMP.read_text() == fingerprint():
        return
    _require_node()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        shutil.copy(ASKED, place)
        (place / "package-lock.json").write_text(json.dumps(lock_file()))
        _npm("ci", cwd=place)
        shutil.rmtree(INSTALLED, ignore_errors=True)
        shutil.move(place / "node_modules", INSTALLED)
    STAMP.write_text(fingerprint())


def lock() -> None:
    """Write the list: names, versions and hashes, and not where they came from."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(ASKED, folder)
        _npm("install", "--package-lock-only", cwd=Path(folder))
        packages = json.loads((Path(folder) / "package-lock.json").read_text())["packages"]
    listed = {
        path: {field: entry[field] for field in KEPT if field in entry}
        for path, entry in sorted(packages.items())
        if path
    }
    LISTED.write_text(json.dumps(listed, indent=2) + "\n")


def fingerprint() -> str:
    """Tell this list from others."""
    return hashlib.sha256(ASKED.read_bytes() + LISTED.read_bytes()).hexdigest()


def sign(orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Let the clients sign; see `js/sign.mjs` for both shapes. Fails the test where they are not installed."""
    if not (STAMP.is_file() and STAMP.read_text() == fingerprint()):
        pytest.fail("The JavaScript clients are not installed: ./tests/run --set-up", pytrace=False)
    done = subprocess.run(
        ["node", str(DRIVER)],
        input=json.dumps(orders),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert len(answers) == len(orders)
    return answers


def _require_node() -> None:
    if not (shutil.which("node") and shutil.which("npm")):
        raise JavaScriptMissing("the tests need Node.js and npm")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.lstrip("v").split(".")[0]) < OLDEST_NODE:
        raise JavaScriptMissing(f"the tests need Node.js {OLDEST_NODE} or later; this is {version.strip()}")


def _npm(*words: str, cwd: Path) -> None:
    done = subprocess.run([*NPM, *words], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise JavaScriptMissing(f"npm {words[0]}: {done.stderr.strip() or done.stdout.strip()}")


if __name__ == "__main__":
    try:
        {"install": install, "lock": lock}[sys.argv[1]]()
    except JavaScriptMissing as missing:
        sys.exit(str(missing))

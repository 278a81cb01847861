"""The bill of materials is the lock file, and the wheel is the same wherever it is built."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from authsvc import __version__
from tests.compiled import KEPT, SOURCES, build, modules

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bill():
    return _written()


def _written():
    import json

    subprocess.run([sys.executable, ROOT / ".ci" / "sbom"], check=True, capture_output=True)
    return json.loads((ROOT / "dist" / "authsvc.cdx.json").read_text(encoding="utf-8"))


def locked():
    """Return name, version and hashes of every line of the lock file."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8").replace(" \\\n    ", " ")
    return {
        line.split("==")[0]: (
            re.split(r"[ ;]", line.split("==")[1])[0],
            set(re.findall(r"sha256:([0-9a-f]{64})", line)),
        )
        for line in text.splitlines()
    }


def test_the_bill_is_the_lock_file_hash_for_hash(bill):
    listed = {
        component["name"]: (
            component["version"],
            {
                each["content"]
                for reference in component["externalReferences"]
                for each in reference.get("hashes", [])
                if each["alg"] == "SHA-256"
            },
        )
        for component in bill["components"]
    }
    assert listed == locked()
    assert all(hashes for _, hashes in listed.values())


def test_the_bill_says_of_what_it_is_one(bill):
    root = bill["metadata"]["component"]
    assert (root["name"], root["version"]) == ("authsvc", __version__)
    (first, *_) = bill["dependencies"]
    assert first["ref"] == root["bom-ref"]
    assert len(first["dependsOn"]) == len(bill["components"])


def test_the_bill_is_what_the_format_says(bill):
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = (ROOT / "dist" / "authsvc.cdx.json").read_text(encoding="utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_the_bill_is_the_same_each_time(bill):
    assert _written() == bill


@pytest.mark.timeout(600)  # a minute each, on a machine that does nothing else
def test_the_compiled_wheel_is_the_same_wherever_it_is_built(tmp_path):
    digests = set()
    for place in (KEPT, tmp_path / "there/and/deeper"):
        (wheel,) = (build(place) / "dist").glob("*.whl")
        digests.add(hashlib.sha256(wheel.read_bytes()).hexdigest())
    assert len(digests) == 1
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
        compiled = {name.partition(".")[0].replace("/", ".") for name in names if name.endswith(".so")}
        assert all(
            f"{name.partition('.')[0]}.py" in names for name in names if name.endswith(".so") and "/" in name
        )
    assert {name.removesuffix(".__init__") for name in compiled if not name.endswith("__mypyc")} == modules()


def test_the_wheel_is_the_same_wherever_and_whenever_it_is_built(tmp_path):
    digests = set()
    for place in ("here", "there/and/deeper"):
        source = tmp_path / place
        source.mkdir(parents=True)
        for name in SOURCES:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
            copy(
                ROOT / name,
                source / name,
                **({"ignore": shutil.ignore_patterns("__pycache__")} if copy is shutil.copytree else {}),
            )
        for path in source.rglob("*"):
            os.utime(path, (len(place) * 10**8,) * 2)
        out = tmp_path / f"out-{len(place)}"
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "wheel",
                "-q",
                "--no-index",
                "--no-deps",
                "--no-build-isolation",
                "-w",
                out,
                ".",
            ],
            cwd=source,
            check=True,
            env={**os.environ, "SOURCE_DATE_EPOCH": "1767225600", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        )
        (wheel,) = out.glob("*.whl")
        digests.add(hashlib.sha256(wheel.read_bytes()).hexdigest())
    assert len(digests) == 1
    with zipfile.ZipFile(wheel) as packed:
        (page,) = [name for name in packed.namelist() if name.endswith(".data/data/share/man/man1/authsvc.1")]
        assert packed.read(page) == (ROOT / "docs" / "man" / "authsvc.1").read_bytes()

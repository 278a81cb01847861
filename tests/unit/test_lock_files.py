"""The lock files: everything pinned, everything hashed, no word of where it came from, and not out of date."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
INTEROP = "tests/interop/requirements.txt"
PINNED = re.compile(
    r"(?P<requirement>[A-Za-z0-9._-]+==[^\s;]+)(?: ; [^\\]+)?(?: --hash=sha256:[0-9a-f]{64})+"
)


def entries(name: str) -> list[str]:
    """Return one line for each requirement of a lock file."""
    return (ROOT / name).read_text(encoding="utf-8").replace(" \\\n    ", " ").splitlines()


def pins(name: str) -> dict[str, str]:
    """Return version by name."""
    found = (PINNED.fullmatch(entry) for entry in entries(name))
    split = (match["requirement"].split("==") for match in found if match)
    return {canonicalize_name(package): version for package, version in split}


def wanted(*extras: str) -> list[Requirement]:
    """Return what pyproject.toml asks for; one extra may name others as the project's own."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [
        *project["dependencies"],
        *(line for extra in extras for line in project["optional-dependencies"][extra]),
    ]
    requirements = [Requirement(line) for line in asked]
    others = [extra for each in requirements if each.name == project["name"] for extra in each.extras]
    return [
        *(each for each in requirements if each.name != project["name"]),
        *(wanted(*others) if others else ()),
    ]


@pytest.mark.parametrize("name", [*sorted(path.name for path in ROOT.glob("requirements*.txt")), INTEROP])
def test_every_entry_is_pinned_and_hashed_and_names_no_place(name):
    strange = [entry for entry in entries(name) if not PINNED.fullmatch(entry)]
    assert not strange
    assert len(pins(name)) == len(entries(name))


@pytest.mark.parametrize(
    ("name", "extras"),
    [
        ("requirements.txt", []),
        ("requirements-full.txt", ["full"]),
        ("requirements-dev.txt", ["dev", "docs", "otel", "sentry"]),
        ("requirements-deploy.txt", ["deploy"]),
    ],
)
def test_what_the_project_asks_for_is_locked_within_its_range(name, extras):
    locked = pins(name)
    for requirement in wanted(*extras):
        version = locked.get(canonicalize_name(requirement.name))
        assert version, f"{requirement.name} is not locked: make lock"
        assert requirement.specifier.contains(version), f"{requirement} is locked at {version}: make lock"


def test_what_builds_and_compiles_the_wheel_is_locked():
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    build = tools["build-system"]["requires"]
    hook = tools["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["mypyc"]
    for name, wanted in (
        ("requirements-build.txt", build),
        ("requirements-compile.txt", [*build, *hook["dependencies"]]),
    ):
        locked = pins(name)
        for asked in map(Requirement, wanted):
            assert asked.specifier.contains(locked[canonicalize_name(asked.name)]), f"{asked}: make lock"


@pytest.mark.parametrize(
    "other",
    [
        "requirements.txt",
        "requirements-full.txt",
        "requirements-build.txt",
        "requirements-compile.txt",
        "requirements-deploy.txt",
    ],
)
def test_one_package_has_one_version_in_all_of_them(other):
    ours, tested = pins(other), pins("requirements-dev.txt")
    assert {name: version for name, version in ours.items() if tested.get(name, version) != version} == {}


def test_tests_run_with_the_versions_that_are_deployed():
    deployed = pins("requirements.txt").keys() | pins("requirements-full.txt").keys()
    assert deployed <= pins("requirements-dev.txt").keys()


JAVASCRIPT = ROOT / "tests" / "clients" / "js"


def test_every_javascript_package_is_pinned_and_hashed_and_names_no_place():
    listed = json.loads((JAVASCRIPT / "packages.json").read_text(encoding="utf-8"))
    for path, package in listed.items():
        assert re.fullmatch(r"(?:node_modules/(?:@[\w-]+/)?[\w.-]+/?)+", path), path
        assert package.keys() <= {"version", "integrity", "dependencies", "optional", "peer", "dev"}
        assert re.fullmatch(r"\d+\.\d+\.\d+", package["version"]), path
        assert re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", package["integrity"]), path
    assert "://" not in json.dumps(listed)


def test_the_javascript_packages_asked_for_are_listed_in_their_one_version():
    asked = json.loads((JAVASCRIPT / "package.json").read_text(encoding="utf-8"))["dependencies"]
    listed = json.loads((JAVASCRIPT / "packages.json").read_text(encoding="utf-8"))
    assert asked == {name: listed[f"node_modules/{name}"]["version"] for name in asked}

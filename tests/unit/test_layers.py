"""The rules of the house that the import contracts of pyproject.toml cannot state."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "authsvc"

# Which rooms may speak to which package; what is not here may be spoken to by nobody.
SPEAKS = {
    "aiohttp": {"app", "cli", "faces", "ops"},
    "aiomysql": {"directory"},
    "alembic": {"directory"},
    "apispec": {"faces"},
    "cachetools": {"cache"},
    "click": {"cli"},
    # signing: public keys, pure like its HMACs; faces: what seals the tokens that Keystone issues
    "cryptography": {"cache", "directory", "faces", "signing"},
    "google": {"faces"},  # protobuf
    "grpc": {"faces"},
    "lxml": {"signing"},  # parses and canonicalises what it is handed, without network, DTD or entities
    "marshmallow": {"faces", "settings"},
    # signing, ports: structures, made in half the time that Python takes
    "msgspec": {"cache", "directory", "events", "faces", "ops", "ports", "signing"},
    "opentelemetry": {"ops"},
    "prometheus_client": {"ops"},
    "pymysql": {"directory", "stream"},
    "pymysqlreplication": {"stream"},
    "redis": {"cache"},
    "sentry_sdk": {"ops"},
    "sqlalchemy": {"certificates", "cli", "directory", "regions", "wiring"},
}
# The same for the parts of the standard library that make a room impure, or unsafe.
IMPURE: dict[str, set[str]] = {
    "concurrent": {"service", "wiring"},  # the bulkhead's threads
    "pickle": set(),
    "random": set(),
    "socket": {"cli", "directory", "stream"},  # cli: the listener that workers share
    "subprocess": set(),
    "time": {"app", "cli", "wiring"},
}
# Drivers that are named in a database address, not in an import.
NAMED_BY_ADDRESS = {"aiosqlite"}
# Extras that serve; the others build and check.
EXTRAS = ("binlog", "grpc", "otel", "sentry")
# Distributions whose package has another name.
PACKAGES = {
    "grpcio": "grpc",
    "mysql_replication": "pymysqlreplication",
    "opentelemetry_exporter_otlp_proto_http": "opentelemetry",
    "opentelemetry_sdk": "opentelemetry",
    "protobuf": "google",
}

BACKENDS = {"cache", "certificates", "directory", "events", "regions", "stream"}
# Who names a backend: the composition root, and the commands that work on one backend without a service.
CHOOSERS = {
    "cli/certificates.py",
    "cli/check.py",
    "cli/demo.py",
    "cli/edge_keys.py",
    "cli/process.py",
    "cli/regions.py",
    "cli/users.py",
    "wiring/backends.py",
    "wiring/service.py",
}

# Who may look into a Secret. Add to this list as late as possible.
REVEALERS = {
    "settings.py",  # whether the database is one with a binary log
    "cache/record.py",  # what is sealed
    "cache/clients.py",  # the password in Redis's address
    "cli/faces.py",  # the keys of the tokens that a face issues
    "cli/users.py",  # a new user's key, shown once
    "directory/cipher.py",  # database keys
    "directory/engine.py",  # the password in the database's address
    "faces/keystone/user_secrets.py",  # a caller with the grant asked
    "faces/native/lookup.py",  # a caller with the grant asked
    "faces/vault/routes.py",  # a store with the grant looked a key up
    "ops/faults.py",  # the key in Sentry's address
    "service/explain.py",  # tries the usual causes
    "signing/cloudstack.py",
    "signing/s3v2.py",
    "signing/sigv2.py",
    "signing/sigv4.py",
    "signing/sigv4a.py",
    "wiring/backends.py",  # whether the database is the embedded one; the address of the log's reader
    "wiring/service.py",  # cache keys
}

# Who compares something confidential in variable time, and why nobody can measure it.
COMPARED = {
    "service/causes.py",  # a secret with a variation of itself, to leave out what changes nothing
}

CONFIDENTIAL = re.compile(r"(^|_)(signature|mac|digest|secret|password|token)$")


def modules() -> dict[str, ast.Module]:
    """Return every module of the package by its path in it."""
    return {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


MODULES = modules()


def room(path: str) -> str:
    """Return the room a module is in: its folder, or itself."""
    return path.split("/", maxsplit=1)[0].removesuffix(".py")


def imports(tree: ast.Module) -> set[str]:
    """Return the full names of the modules that this one imports."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def attributes(tree: ast.Module) -> set[str]:
    """Return every name behind a dot, and every name imported out of a module."""
    found = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return found | {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
    }


def using(package: str) -> set[str]:
    """Return the rooms that import a package."""
    return {
        room(path)
        for path, tree in MODULES.items()
        for name in imports(tree)
        if name.split(".")[0] == package
    }


def packages() -> set[str]:
    """Return the packages imported from outside the standard library."""
    roots = {name.split(".")[0] for tree in MODULES.values() for name in imports(tree)}
    return roots - set(sys.stdlib_module_names) - {"authsvc"}


def test_the_rules_see_the_house():
    assert {"model.py", "wiring/service.py", "signing/sigv4.py", "faces/native/verify.py"} <= set(MODULES)


@pytest.mark.parametrize("package", sorted(packages() | set(SPEAKS)))
def test_a_package_is_spoken_to_from_its_rooms_alone(package):
    assert using(package) == SPEAKS.get(package, set())


@pytest.mark.parametrize("package", sorted(IMPURE))
def test_what_is_impure_stays_where_it_belongs(package):
    assert using(package) <= IMPURE[package]


def test_what_is_imported_is_declared_and_what_is_declared_is_used():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for name in EXTRAS for line in project["optional-dependencies"][name]]
    names = [Requirement(line).name.lower().replace("-", "_") for line in (*project["dependencies"], *extras)]
    assert {PACKAGES.get(name, name) for name in names} == packages() | NAMED_BY_ADDRESS


def test_extras_are_not_needed_to_serve():
    """Whatever is started without them must not meet them on the way."""
    names = "'grpc', 'google.protobuf', 'opentelemetry', 'pymysqlreplication', 'sentry_sdk'"
    missing = f"import sys; sys.modules |= {{name: None for name in ({names})}}"
    done = subprocess.run(
        [sys.executable, "-c", f"{missing}; from authsvc.cli.main import whole; whole()"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_only_settings_reads_the_environment():
    readers = {path for path, tree in MODULES.items() if attributes(tree) & {"environ", "environb", "getenv"}}
    assert readers == {"settings.py"}


def test_backends_are_named_by_their_choosers_alone():
    rooms = {
        path: {name.split(".")[1] for name in imports(tree) if name.startswith("authsvc.")}
        for path, tree in MODULES.items()
    }
    assert {
        path for path, named in rooms.items() if named & BACKENDS and room(path) not in BACKENDS
    } == CHOOSERS


def test_secrets_are_revealed_where_the_list_says():
    assert {path for path, tree in MODULES.items() if "reveal" in attributes(tree)} == REVEALERS


def name_of(node: ast.expr) -> str:
    """Return what an operand is called, for the purpose of suspicion."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=function):
            return name_of(function)
        case ast.Subscript(value=value):
            return name_of(value)
    return ""


def compared_in_the_open(tree: ast.Module) -> list[int]:
    """Return the lines that compare something confidential with == or != and something that is not a literal."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare) and any(isinstance(sign, ast.Eq | ast.NotEq) for sign in node.ops)
        for operands in [[node.left, *node.comparators]]
        if any(CONFIDENTIAL.search(name_of(operand)) for operand in operands)
        and not any(isinstance(operand, ast.Constant) for operand in operands)
    ]


def test_nothing_confidential_is_compared_in_variable_time():
    assert {path for path, tree in MODULES.items() if compared_in_the_open(tree)} == COMPARED


@pytest.mark.parametrize(
    "line",
    [
        "claim.signature == expected",
        "a != digest(b)",
        "hmac.new(k).digest() == x",
        "x == y.expected_signature",
    ],
)
def test_such_a_comparison_would_be_seen(line):
    assert compared_in_the_open(ast.parse(line)) == [1]

"""OpenStack Keystone to compare with: from PyPI, under uWSGI, its cache in the process, its tables in SQLite."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cases import JSON, presented
from bench.load import spell
from bench.sites import running
from tests.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.load import Site

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".cache/bench/keystone"
REQUIREMENTS = ("keystone==30.0.0", "uWSGI==2.0.31")
PASSWORD = "secret"

CONFIGURATION = """
[DEFAULT]
log_file = {folder}/keystone.log
[database]
connection = sqlite:///{folder}/keystone.db
[cache]
enabled = true
backend = dogpile.cache.memory
[token]
provider = fernet
[fernet_tokens]
key_repository = {folder}/fernet
[credential]
key_repository = {folder}/credential
"""


@contextlib.contextmanager
def keystone(folder: Path) -> Iterator[tuple[Site, bytes]]:
    """Run Keystone with one user who has an EC2 credential; yield it, and a request it verifies."""
    _install()
    folder.mkdir()
    (folder / "keystone.conf").write_text(CONFIGURATION.format(folder=folder))
    for keys in ("fernet", "credential"):
        (folder / keys).mkdir(mode=0o700)
    port = free_port()
    address = f"http://127.0.0.1:{port}/v3"
    me = ["--keystone-user", str(os.getuid()), "--keystone-group", str(os.getgid())]
    _manage(folder, "db_sync")
    _manage(folder, "fernet_setup", *me)
    _manage(folder, "credential_setup", *me)
    _manage(folder, "bootstrap", "--bootstrap-password", PASSWORD, "--bootstrap-admin-url", address)
    with running(_uwsgi(port), port, _environment(folder)) as site:
        token, credential = _credential(address)
        body = presented(credential["access"], credential["secret"])
        yield replace(site, keeps=False), spell("POST", "/v3/s3tokens", [("X-Auth-Token", token), JSON], body)


def _install() -> None:
    if (VENV / "bin/uwsgi").exists():
        return
    print(f"bench: installing {', '.join(REQUIREMENTS)} below .cache (a minute or two)", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
    subprocess.run([VENV / "bin/pip", "install", "-qq", *REQUIREMENTS], check=True)


def _environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "OS_KEYSTONE_CONFIG_DIR": str(folder),
        "OS_KEYSTONE_CONFIG_FILES": "keystone.conf",
    }


def _manage(folder: Path, *words: str) -> None:
    subprocess.run(
        [VENV / "bin/keystone-manage", "--config-file", folder / "keystone.conf", *words],
        env=_environment(folder),
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _uwsgi(port: int) -> list[str]:
    return [
        str(VENV / "bin/uwsgi"),
        *("--http-socket", f"127.0.0.1:{port}", "--module", "keystone.wsgi.api:application"),
        *("--virtualenv", str(VENV), "--processes", "1", "--threads", "1"),
        *("--need-app", "--die-on-term", "--disable-logging", "--logto", os.devnull),
    ]


def _credential(address: str) -> tuple[str, dict[str, Any]]:
    """Log in as the administrator and make an EC2 credential."""
    default = {"id": "default"}
    user = {"name": "admin", "domain": default, "password": PASSWORD}
    login = {
        "identity": {"methods": ["password"], "password": {"user": user}},
        "scope": {"project": {"name": "admin", "domain": default}},
    }
    headers, document = _post(f"{address}/auth/tokens", {"auth": login})
    token, who = headers["X-Subject-Token"], document["token"]
    wanted = {"tenant_id": who["project"]["id"]}
    _, made = _post(f"{address}/users/{who['user']['id']}/credentials/OS-EC2", wanted, token)
    return token, made["credential"]


def _post(url: str, document: Any, token: str | None = None) -> tuple[Any, Any]:
    headers = {"Content-Type": "application/json", **({"X-Auth-Token": token} if token else {})}
    request = urllib.request.Request(url, json.dumps(document).encode(), headers)
    with urllib.request.urlopen(request) as response:
        return response.headers, json.load(response)

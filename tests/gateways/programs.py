"""Real gateways, each started with the configuration that its page in docs/stores shows.

Where the programs come from: `.cache/gateways`, where `./tests/run` unpacks Debian's packages (installed ones would bring
services that start by themselves), or else PATH.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.processes import HOST, Process, find_program, give, listening, server_environment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "stores"
UNPACKED = ROOT / ".cache" / "gateways"
NGINX = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log stderr warn;
events {{ worker_connections 128; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


def program(name: str) -> Path:
    """Return a gateway's program.

    Raises:
        ServerMissing: It is neither unpacked nor installed.
    """
    return find_program(name, unpacked=str(UNPACKED) if UNPACKED.is_dir() else None)


def environment() -> Mapping[str, str]:
    """Return the environment of a gateway: with the libraries of the unpacked tree, where there is one."""
    return server_environment(str(UNPACKED) if UNPACKED.is_dir() else None)


def programs() -> list[Path]:
    """Return all of them, for `./tests/run` to see whether they are there."""
    return [program(name) for name in GATEWAYS]


def shown(page: str, language: str, changes: Mapping[str, str]) -> str:
    """Return a page's one block of code in the language, with each of the changes made.

    A page that does not show what is to be changed is not what the test believes it to be.
    """
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    (block,) = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    for old, new in changes.items():
        assert old in block, f"{page}.md shows no {old}"
        block = block.replace(old, new)
    return block


class Gateway:
    """A gateway of our own in front of a store, and the entry it has in the callers file."""

    name: str
    arguments: Sequence[str]

    def __init__(self, *, token: str, authsvc: str, store: int) -> None:
        self.process = Process(
            self.name,
            program(self.name),
            self._command,
            self._answers,
            environment(),
        )
        self._values = {
            "127.0.0.1:8180": authsvc,
            "127.0.0.1:9000": f"{HOST}:{store}",
            "asv_…": token,
        }
        for path, text in self._files().items():
            path.write_text(text, encoding="utf-8")
        give(self.process.folder)

    def __enter__(self) -> Self:
        self.process.begin()
        return self

    def __exit__(self, *error: object) -> None:
        self.process.remove()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.process.port}"

    def _files(self) -> dict[Path, str]:
        raise NotImplementedError

    def _command(self) -> Sequence[str]:
        raise NotImplementedError

    def _answers(self) -> bool:
        return listening(self.process.port)


class Nginx(Gateway):
    name = "nginx"

    def _files(self) -> dict[Path, str]:
        folder = self.process.folder
        here = {"127.0.0.1:8000": f"{HOST}:{self.process.port}"}
        site = shown("nginx", "nginx", self._values | here)
        return {folder / "nginx.conf": NGINX.format(folder=folder), folder / "site.conf": site}

    def _command(self) -> Sequence[str]:
        folder = str(self.process.folder)
        return ["-p", folder, "-c", f"{folder}/nginx.conf", "-e", "stderr"]


class Caddy(Gateway):
    name = "caddy"

    def _files(self) -> dict[Path, str]:
        here = {"http://:8000": f"http://:{self.process.port}"}
        return {self.process.folder / "Caddyfile": shown("caddy", "caddyfile", self._values | here)}

    def _command(self) -> Sequence[str]:
        return ["run", "--adapter", "caddyfile", "--config", str(self.process.folder / "Caddyfile")]


class HAProxy(Gateway):
    name = "haproxy"

    def _files(self) -> dict[Path, str]:
        script = self.process.folder / "authsvc.lua"
        here = {
            "127.0.0.1:8000": f"{HOST}:{self.process.port}",
            "/etc/haproxy/authsvc.lua": str(script),
            "127.0.0.1:9000": self._values["127.0.0.1:9000"],
        }
        told = {old: new for old, new in self._values.items() if old != "127.0.0.1:9000"}
        return {
            script: shown("haproxy", "lua", told),
            self.process.folder / "haproxy.cfg": shown("haproxy", "haproxy", here),
        }

    def _command(self) -> Sequence[str]:
        return ["-db", "-f", str(self.process.folder / "haproxy.cfg")]


GATEWAYS: Mapping[str, type[Gateway]] = {gateway.name: gateway for gateway in (Nginx, Caddy, HAProxy)}

"""An unmodified OpenStack Swift on loopback: account, container and object server, and as many proxies as a test wants.

What the operator's page says is what a proxy is configured with; only addresses and secrets are put in.
"""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
from typing import TYPE_CHECKING, Self

from tests.interop.stores import Server, Servers, program, shown
from tests.processes import HOST, free_port

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PAGE = "swift.md"
_HASH = "[swift-hash]\nswift_hash_path_suffix = interop\n[storage-policy:0]\nname = only\ndefault = yes\n"
_STORAGE = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
fallocate_reserve = 0
log_name = {kind}
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
_PROXY = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {folder}
log_level = DEBUG
{blocks}
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = false
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{memcached}
"""
_FILTERS = (
    "catch_errors",
    "gatekeeper",
    "healthcheck",
    "proxy-logging:proxy_logging",
    "listing_formats",
    "bulk",
    "copy",
    "slo",
    "dlo",
    "versioned_writes",
    "symlink",
)


class Swift:
    """The storage servers and a memcached; proxies are made on top."""

    def __init__(self) -> None:
        self.servers = Servers("swift")
        self.folder = self.servers.folder

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.servers.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.servers.close()

    def _start(self) -> None:
        _require_attributes(self.folder)
        (self.folder / "swift.conf").write_text(_HASH)
        (self.folder / "devices" / "d1").mkdir(parents=True)
        started = []
        for kind in ("account", "container", "object"):
            port = free_port()
            ring = self.folder / f"{kind}.builder"
            for words in (
                ("create", "3", "1", "0"),
                ("add", f"r1z1-{HOST}:{port}/d1", "1"),
                ("rebalance",),
            ):
                subprocess.run(
                    [program("swift-ring-builder"), ring, *words], check=True, stdout=subprocess.DEVNULL
                )
            conf = self.folder / f"{kind}-server.conf"
            conf.write_text(_STORAGE.format(kind=kind, port=port, folder=self.folder, user=getpass.getuser()))
            started.append(self.servers.run(f"swift-{kind}-server", conf, "-v", port=port))
        self.memcached = free_port()
        options = ("-l", HOST, "-p", str(self.memcached), "-U", "0", "-u", getpass.getuser())
        started.append(self.servers.run("memcached", *options, port=self.memcached))
        for server in started:
            server.await_listening()

    def proxy(self, *blocks: str, values: Mapping[str, str], pipeline: str = "") -> Proxy:
        """Start a proxy with these blocks of the page.

        Args:
            blocks: Names of blocks on the page.
            values: What to put in for what stands on the page.
            pipeline: A filter to put in front of s3api.
        """
        text = shown(PAGE, "pipeline", *blocks, values=values)
        if pipeline:
            text = text.replace(" s3api ", f" {pipeline} s3api ", 1)
        for name in _FILTERS:
            section, _, egg = name.partition(":")
            text += f"\n[filter:{section}]\nuse = egg:swift#{egg or section}\n"
        return Proxy(self, text).start()

    def forget_secrets(self) -> None:
        """Empty memcached."""
        with socket.create_connection((HOST, self.memcached), timeout=5) as plain:
            plain.sendall(b"flush_all\r\n")
            assert plain.recv(64) == b"OK\r\n"


class Proxy:
    """One proxy server; it may be started again with another text."""

    def __init__(self, swift: Swift, text: str) -> None:
        self._swift, self.text = swift, text
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self._conf = swift.folder / f"proxy-{self.port}.conf"
        self._server: Server | None = None

    def start(self) -> Self:
        self._conf.write_text(
            _PROXY.format(
                port=self.port,
                folder=self._swift.folder,
                blocks=self.text,
                user=getpass.getuser(),
                memcached=self._swift.memcached,
            )
        )
        self._server = self._swift.servers.run("swift-proxy-server", self._conf, "-v", port=self.port)
        self._server.await_listening()
        return self

    def restart(self, text: str) -> None:
        self.stop()
        self.text = text
        self.start()

    def stop(self) -> None:
        if self._server is not None:
            self._swift.servers.stop(self._server)
            self._server = None

    @property
    def log(self) -> str:
        return (self._swift.folder / f"swift-proxy-server-{self.port}.log").read_text(errors="replace")


def _require_attributes(folder: Path) -> None:
    """Swift keeps an object's metadata in extended attributes."""
    probe = folder / "probe"
    probe.touch()
    try:
        os.setxattr(probe, "user.swift.metadata", b"x" * 1024)
    except OSError as error:
        raise AssertionError(
            f"{folder} takes no extended attributes ({error}); set TMPDIR to a folder on ext4 or XFS"
        ) from error

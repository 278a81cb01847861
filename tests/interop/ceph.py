"""An unmodified Ceph on loopback: one monitor, one OSD that keeps everything in memory, and gateways on top."""

from __future__ import annotations

import json
import subprocess
import uuid
from typing import TYPE_CHECKING, Self

from tests.interop.stores import UNPACKED, Servers, environment, program, shown
from tests.processes import HOST, free_port
from tests.region import await_that

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PAGE = "ceph-rgw.md"
NAME = "client.rgw.a"

_CONF = """
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{mon}/0,v1:127.0.0.1:{mon1}/0]
mon initial members = a
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
public addr = 127.0.0.1
cluster addr = 127.0.0.1
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = 1073741824
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail crit = 1
mon data = {folder}/mon
osd data = {folder}/osd
run dir = {folder}
keyring = {folder}/keyring
log file = {folder}/$name.log
admin socket = {folder}/$name-$pid.asok
{places}
"""
# Where the programs look when they are unpacked somewhere else than they were built for.
_PLACES = """
erasure code dir = {libraries}/ceph/erasure-code
plugin dir = {libraries}/ceph
osd class dir = {libraries}/rados-classes
"""
# The library instead of the command line, whose many modules would have to be there as well.
_COMMAND = """
import rados, sys
with rados.Rados(conffile=sys.argv[1]) as cluster:
    status, out, told = cluster.mon_command(sys.argv[2], b"", timeout=20)
print(out.decode())
sys.exit(told if status else 0)
"""


class Ceph:
    """The cluster."""

    def __init__(self) -> None:
        self.servers = Servers("ceph")
        self.folder = self.servers.folder
        self._fsid, self._mon, self._mon1 = uuid.uuid4(), free_port(), free_port()

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
        found = next(UNPACKED.glob("usr/lib/*/rados-classes"), None)
        self.conf = _CONF.format(
            fsid=self._fsid,
            mon=self._mon,
            mon1=self._mon1,
            folder=self.folder,
            places=_PLACES.format(libraries=found.parent) if found else "",
        )
        conf = self.folder / "ceph.conf"
        conf.write_text(self.conf)
        for name in ("mon", "osd"):
            (self.folder / name).mkdir()
        (self.folder / "keyring").touch()
        monmap = self.folder / "monmap"
        addresses = f"[v2:{HOST}:{self._mon}/0,v1:{HOST}:{self._mon1}/0]"
        self._do("monmaptool", "--create", "--fsid", str(self._fsid), "--addv", "a", addresses, monmap)
        self._do("ceph-mon", "-c", conf, "--mkfs", "-i", "a", "--monmap", monmap)
        self.servers.run("ceph-mon", "-c", conf, "-i", "a", "-f", port=self._mon).await_listening()
        self._command("osd create")
        self._do("ceph-osd", "-c", conf, "-i", "0", "--mkfs")
        self.servers.run("ceph-osd", "-c", conf, "-i", "0", "-f", port=0)
        await_that(self._up, "the OSD to be up", within=60)
        self._command("osd crush add", id=0, weight=1.0, args=["root=default", "host=here"])

    def _up(self) -> bool:
        return json.loads(self._command("osd stat", format="json"))["num_up_osds"] == 1

    def gateway(self, *blocks: str, values: Mapping[str, str]) -> Gateway:
        """Start a gateway with these blocks of the page."""
        return Gateway(self, shown(PAGE, "keystone", *blocks, values=values))

    def _command(self, prefix: str, **more: object) -> str:
        """Have the monitor carry out a command."""
        words = json.dumps({"prefix": prefix, **more})
        return self._do("/usr/bin/python3", "-c", _COMMAND, self.folder / "ceph.conf", words)

    def _do(self, name: str, *words: str | Path) -> str:
        done = subprocess.run(
            [program(name), *words],
            env=environment(self.folder) | {"PYTHONPATH": str(UNPACKED / "usr/lib/python3/dist-packages")},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, f"{name} failed:\n{done.stdout}{done.stderr[-2000:]}"
        return done.stdout


class Gateway:
    """One RGW."""

    def __init__(self, ceph: Ceph, text: str) -> None:
        self._ceph = ceph
        port = free_port()
        self.url = f"http://{HOST}:{port}"
        data = ceph.folder / f"rgw-{port}"
        data.mkdir()
        conf = ceph.folder / f"rgw-{port}.conf"
        conf.write_text(
            f"{ceph.conf}\n{text}\nrgw_frontends = beast endpoint={HOST}:{port}\nrgw_data = {data}\n"
        )
        self._server = ceph.servers.run("radosgw", "-c", conf, "-n", NAME, "-f", port=port)
        self._server.await_listening()

    def stop(self) -> None:
        self._ceph.servers.stop(self._server)

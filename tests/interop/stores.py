"""Object stores as processes of their own: where their programs are, how one runs, and what an operator's page says."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.command import ROOT
from tests.processes import LEASH, listening

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PLACE = ROOT / ".cache" / "interop"
UNPACKED = PLACE / "unpacked"
FOLDERS = (PLACE / "venv/bin", UNPACKED / "usr/bin", UNPACKED / "usr/sbin")
PATIENCE = 90.0


def shown(page: str, *names: str, values: Mapping[str, str]) -> str:
    """Return what the page of ``docs/stores`` says under each ``<!-- proven: name -->``, the values put in."""
    page_text = (ROOT / "docs" / "stores" / page).read_text(encoding="utf-8")
    text = ""
    for name in names:
        found = re.search(rf"<!-- proven: {name} -->\n```ini\n(.*?)```", page_text, re.DOTALL)
        assert found, f"{page} no longer shows {name}"
        text += f"{found[1]}\n"
    for placeholder, value in values.items():
        assert placeholder in text, f"{page} no longer shows {placeholder}"
        text = text.replace(placeholder, value)
    return text


def program(name: str) -> str:
    """Return where a store's program is: ours first, then the system's."""
    found = shutil.which(name, path=os.pathsep.join([*map(str, FOLDERS), *os.get_exec_path()]))
    assert found, f"{name} is not there; ./tests/interop/run gets it"
    return found


def environment(home: Path) -> dict[str, str]:
    """Return a store's environment: little more than where its unpacked libraries are."""
    libraries = sorted({str(path.parent) for path in UNPACKED.glob("**/*.so.*")})
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LD_LIBRARY_PATH": os.pathsep.join(libraries),
    }


class Server:
    """A process of a store, with its output in a file; killed if the test run is."""

    def __init__(self, name: str, arguments: Sequence[str | Path], port: int, log: Path) -> None:
        self.name, self.port, self.log = name, port, log
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=environment(log.parent),
                start_new_session=True,
            )
        self._leash = subprocess.Popen(
            ["/bin/sh", "-c", LEASH, "leash", str(self._process.pid), str(log.parent)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def await_listening(self) -> Self:
        deadline = time.monotonic() + PATIENCE
        while True:
            if listening(self.port):
                return self
            told = self.log.read_text(errors="replace")[-3000:]
            assert self._process.poll() is None, f"{self.name} ended at once:\n{told}"
            assert time.monotonic() < deadline, f"{self.name} does not listen:\n{told}"
            time.sleep(0.05)

    def stop(self) -> None:
        self._leash.communicate(b"released\n")
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()


class Servers:
    """The processes of one store, and the folder they share; both are gone when it is closed."""

    def __init__(self, store: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"authsvc-{store}-"))
        self._running: list[Server] = []

    def run(self, name: str, *arguments: str | Path, port: int) -> Server:
        server = Server(name, [program(name), *arguments], port, self.folder / f"{name}-{port}.log")
        self._running.append(server)
        return server

    def stop(self, server: Server) -> None:
        self._running.remove(server)
        server.stop()

    def close(self) -> None:
        while self._running:
            self.stop(self._running[-1])
        shutil.rmtree(self.folder, ignore_errors=True)

"""`authsvc …` as a user runs it, to its end, without the second that its libraries take to be imported.

One process has imported the libraries, and forks for each command. What it forks is a process of its own, with its own
words, environment, folder and standard streams; authsvc's modules it imports itself, as it would by itself.
"""

from __future__ import annotations

import atexit
import functools
import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 60
LIBRARIES = (
    "aiohttp.web",
    "aiomysql",
    "aiosqlite",
    "alembic.command",
    "cachetools",
    "click",
    "cryptography.hazmat.primitives.asymmetric.ec",
    "cryptography.hazmat.primitives.ciphers.aead",
    "cryptography.x509",
    "lxml.etree",
    "marshmallow",
    "msgspec",
    "prometheus_client",
    "redis.asyncio.cluster",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "sqlalchemy.ext.asyncio",
)


def command(
    *words: str, text: str = "", environment: Mapping[str, str] | None = None, cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Run it; if it takes longer than a minute, SIGALRM ends it.

    What is meant for the interpreter is heard by one that starts: with `PYTHON…` in the environment, one does.
    """
    if any(name.startswith("PYTHON") for name in environment or ()):
        return command_by_itself(*words, text=text, environment=environment, cwd=cwd)
    asked = json.dumps([words, {"PATH": os.environ["PATH"], **(environment or {})}, str(cwd)])
    with ExitStack() as stack:
        files = [stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8")) for _ in range(4)]
        for file, content in zip(files, (asked, text, "", ""), strict=True):
            file.write(content)
            file.seek(0)
        ended, end = os.pipe()
        told = stack.enter_context(os.fdopen(ended))
        socket.send_fds(_forker(), [b"."], [end, *(file.fileno() for file in files)])
        os.close(end)
        status = int(told.read())
        for file in files:
            file.seek(0)
        return subprocess.CompletedProcess(words, status, files[2].read(), files[3].read())


def command_by_itself(
    *words: str, text: str = "", environment: Mapping[str, str] | None = None, cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Run it by an interpreter that starts with nothing, as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "authsvc", *words],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], **(environment or {})},
    )


@functools.cache
def _forker() -> socket.socket:
    """Start the process that forks; it ends when the socket is closed."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=theirs,
            stdout=subprocess.DEVNULL,
            cwd=ROOT,
            env={"PATH": os.environ["PATH"]},
        )

    @atexit.register
    def close() -> None:
        ours.close()
        process.wait()

    return ours


def _fork() -> None:
    """Fork for each command that is asked for; return in its process."""
    for library in LIBRARIES:
        import_module(library)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who waits for a command is waited for by nobody
    with socket.socket(fileno=os.dup(0)) as door:
        while True:
            byte, descriptors, _, _ = socket.recv_fds(door, 1, 5)
            if not byte:
                os._exit(0)
            if os.fork() == 0:
                break
            for descriptor in descriptors:
                os.close(descriptor)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    end, *files = descriptors
    process = os.fork()
    if process:
        _, status = os.waitpid(process, 0)
        os.write(end, str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    os.close(end)
    _become(*files)


def _become(asked: int, *streams: int) -> None:
    """Take over what the command is to find, as the interpreter would have."""
    with open(asked, encoding="utf-8") as file:
        words, environment, cwd = json.load(file)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.path[0] = cwd
    sys.argv[1:] = words
    signal.alarm(LIMIT)


if __name__ == "__main__":
    _fork()
    runpy.run_module("authsvc", run_name="__main__", alter_sys=True)

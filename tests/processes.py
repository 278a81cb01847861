"""A real server's process for tests: own port, own folder, gone when the test run is, however that ends."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

HOST = "127.0.0.1"
UNPACKED = "AUTHSVC_TEST_SERVERS_DIR"
ELSEWHERE = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/sbin", "/opt/homebrew/bin")
PATIENCE = 30.0
# Reads until the pipe ends. We write to it before we let go; if we are killed, the kernel closes it for us.
LEASH = 'read -r released; [ "$released" ] || { kill -9 "$1"; rm -rf "$2"; }'


class ServerMissing(Exception):
    """A server the tests need is not installed."""


class ServerFailed(Exception):
    """A server did not start, or ended by itself."""


def find_program(*names: str, unpacked: str | None = None) -> Path:
    """Return the first of these programs that is unpacked (below `unpacked`, or where the environment says), or installed.

    Raises:
        ServerMissing: None is.
    """
    unpacked = unpacked or os.environ.get(UNPACKED)
    folders = (
        [f"{unpacked}/{name}" for name in ("usr/sbin", "usr/bin", "bin")]
        if unpacked
        else [*os.get_exec_path(), *ELSEWHERE]
    )
    for name in names:
        found = shutil.which(name, path=os.pathsep.join(folders))
        if found:
            return Path(found)
    place = f" in {unpacked}" if unpacked else ""
    raise ServerMissing(
        f"The tests need a real {names[0]} and found none{place}. Run ./tests/run: it gets one."
    )


def free_port() -> int:
    """Return a loopback port nobody listens on, from below the range that outgoing connections draw from."""
    draw = secrets.SystemRandom()  # the ordinary generator is seeded by tests, alike in every worker
    while True:
        port = draw.randrange(15000, 32000)
        with socket.socket() as attempt, contextlib.suppress(OSError):
            attempt.bind((HOST, port))
            return port


def listening(port: int) -> bool:
    """Say whether somebody takes connections at the loopback port."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def unprivileged() -> pwd.struct_passwd | None:
    """Return the user a server runs as when we are root; None when we are not."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return known.get("mysql") or known["nobody"]


def server_environment(unpacked: str | None = None) -> Mapping[str, str]:
    """Return the environment of a server: ours, and the libraries of an unpacked tree."""
    unpacked = unpacked or os.environ.get(UNPACKED)
    if not unpacked:
        return os.environ
    libraries = sorted({str(path.parent) for path in Path(unpacked).glob("**/*.so.*")})
    return {**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(libraries)}


def give(path: Path) -> None:
    """Give a file or a tree to the user that servers run as."""
    user = unprivileged()
    if user:
        for each in (path, *path.rglob("*")):
            os.chown(each, user.pw_uid, user.pw_gid)


def run_as_server(arguments: Sequence[str | Path], *, text: str) -> None:
    """Run a server's program to its end, `text` on its standard input.

    Raises:
        ServerFailed: It ended with an error.
    """
    done = subprocess.run(
        arguments,
        input=text.encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=server_environment(),
        check=False,
        timeout=PATIENCE,
        **_identity(),
    )
    if done.returncode:
        raise ServerFailed(f"{arguments[0]} failed:\n{done.stdout.decode(errors='replace')[-2000:]}")


def _is_stopped(stat: Path) -> bool:
    """Say whether a thread does nothing (proc_pid_stat(5)); one that has ended does not, either."""
    try:
        state = stat.read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in "TtZX"


def _identity() -> dict[str, object]:
    user = unprivileged()
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}


class Process:
    """A server that is started, paused, killed and restarted at will; port and folder stay the same.

    Every call returns when it has taken effect and may block for a moment: `await asyncio.to_thread(...)`
    where the test must go on meanwhile.
    """

    def __init__(
        self,
        name: str,
        program: Path,
        arguments: Callable[[], Sequence[str | Path]],
        answers: Callable[[], bool],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"authsvc-{name}-"))
        self.log = self.folder / "log"
        give(self.folder)
        self._program = program
        self._arguments = arguments
        self._answers = answers
        self._environment = environment
        self._running: subprocess.Popen[bytes] | None = None
        self._leash: subprocess.Popen[bytes] | None = None
        self._paused = False

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        if self._running is None:
            raise ServerFailed(f"{self.name} is not running")
        return self._running.pid

    @property
    def alive(self) -> bool:
        """Whether the process exists; a paused one does."""
        return self._running is not None and self._running.poll() is None

    def start(self) -> None:
        """Start and wait until it answers.

        Raises:
            ServerFailed: It ended, or did not answer in time.
        """
        self._spawn()
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if not self.alive or time.monotonic() > deadline:
                what = "does not answer" if self.alive else "ended at once"
                self.kill()
                raise ServerFailed(f"{self.name} {what}:\n{self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.01)

    def begin(self) -> None:
        """Start for the first time, or leave nothing behind.

        Raises:
            ServerFailed: As ``start``.
        """
        try:
            self.start()
        except BaseException:
            self.remove()
            raise

    def pause(self) -> None:
        """Stop it from doing anything while its connections stay up (SIGSTOP); return when all of it has stopped.

        The signal is taken by one thread when its turn comes, and the others go on until then.
        """
        os.kill(self.pid, signal.SIGSTOP)
        self._paused = True
        until = time.monotonic() + PATIENCE
        while not all(map(_is_stopped, Path(f"/proc/{self.pid}/task").glob("*/stat"))):
            assert time.monotonic() < until, f"{self.pid} does not stop"
            time.sleep(0.001)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        os.kill(self.pid, signal.SIGCONT)
        self._paused = False

    def kill(self) -> None:
        """End it at once (SIGKILL); what it stored stays."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order (SIGTERM); what it stored stays."""
        if self._paused:
            self.resume()
        self._end(signal.SIGTERM)

    def restart(self) -> None:
        """End it in order, if it runs, and start it again on the same port."""
        self.stop()
        self.start()

    def mend(self) -> None:
        """Undo what a test may have left: let it go on, or start it again."""
        if not self.alive:
            self.kill()
            self.start()
        elif self._paused:
            self.resume()

    def remove(self) -> None:
        """End it and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _spawn(self) -> None:
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                [self.name, *self._arguments()],
                executable=self._program,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=self._environment or server_environment(),
                start_new_session=True,
                **_identity(),
            )
        self._leash = subprocess.Popen(
            ["/bin/sh", "-c", LEASH, "leash", str(self.pid), str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _end(self, number: signal.Signals) -> None:
        self._paused = False
        if self._leash:
            self._leash.communicate(b"released\n")
            self._leash = None
        if self._running is None:
            return
        self._running.send_signal(number)
        try:
            self._running.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._running.kill()
            self._running.wait()
        self._running = None

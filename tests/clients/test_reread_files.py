"""Files that change under a running process: who may ask, and how it proves itself."""

from __future__ import annotations

import contextlib
import signal
import socket
import ssl
from urllib.parse import urlsplit

import pytest

from authsvc.faces.callers import new_token, token_digest
from tests.certificates import Authority
from tests.region import Authsvc, ask, await_that

HOSTS = ("localhost", "127.0.0.1")
OLD, NEW = new_token(), new_token()


def entry(*tokens, name="store"):
    digests = ", ".join(f'"{token_digest(token)}"' for token in tokens)
    return f'[[caller]]\nname = "{name}"\ntoken_sha256 = [{digests}]\ngrants = ["regions"]\n'


def put(path, content):
    """Write a file in the place of another at once, as those who change them should."""
    made = path.with_suffix(".new")
    made.write_text(content) if isinstance(content, str) else made.write_bytes(content)
    made.replace(path)


@pytest.fixture
def running(tmp_path):
    """Make a process with these settings; at the end it drains."""
    made = []

    def start(*words, **settings):
        service = Authsvc(tmp_path, {"AUTHSVC_DATABASE_URL": f"sqlite:///{tmp_path}/authsvc.db"} | settings)
        service.words = ("serve", *words)
        made.append(service)
        service.start()
        return service

    yield start
    for service in made:
        try:
            assert service.stop() == 0
            assert service.stderr.read_text() == ""
            service.assert_silent_about({OLD, NEW, token_digest(OLD), token_digest(NEW)})
        finally:
            service.kill()


@pytest.fixture
def callers(tmp_path):
    path = tmp_path / "callers.toml"
    put(path, entry(OLD))
    return path


def status(service, token):
    return ask(f"{service.url}/v1/regions", headers={"X-Auth-Token": token}).status


def degraded(service):
    return service.readiness()[1]["degraded"]


def told(service, event):
    lines = [line for line in service.lines() if line.get("event") == event]
    assert {line["pid"] for line in lines} <= {service.pid}
    return [line["files"] for line in lines]


def test_a_callers_token_is_replaced_without_a_restart(running, callers):
    service = running(AUTHSVC_CALLERS=str(callers))
    service.await_ready()
    assert (status(service, OLD), status(service, NEW)) == (200, 401)
    put(callers, entry(OLD, NEW))
    await_that(lambda: status(service, NEW) == 200, "the new token to be known")
    assert status(service, OLD) == 200
    put(callers, entry(NEW))
    await_that(lambda: status(service, OLD) == 401, "the old token to be forgotten")
    assert status(service, NEW) == 200
    await_that(lambda: told(service, "read again") == ["callers"] * 2, "both to be in the log")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("[[caller]]\nname = ", "not TOML"),
        (entry(NEW).replace("regions", "everything"), "unknown grant"),
        (f'{entry(NEW)}[caller.keystone]\nuser = "x"\n', "password_scrypt must be"),
        (f"caller = {'[' * 100_000}", "recursion"),
        (None, "No such file"),
    ],
    ids=["half written", "wrong", "a login that could not work", "bottomless", "gone"],
)
def test_a_callers_file_that_cannot_be_used_takes_nobodys_place(running, callers, content, why):
    service = running(AUTHSVC_CALLERS=str(callers))
    service.await_ready()
    callers.unlink() if content is None else put(callers, content)
    await_that(lambda: degraded(service), "the refusal to show")
    (line,) = degraded(service)
    assert line.startswith("callers: ")
    assert why in line
    assert (service.readiness()[0], status(service, OLD), status(service, NEW)) == (200, 200, 401)
    put(callers, entry(NEW))
    await_that(lambda: status(service, NEW) == 200, "the mended file to be taken")
    await_that(lambda: degraded(service) == [], "the refusal to be over")
    assert told(service, "not read again") == ["callers"]


def test_sighup_ends_nobody(running, callers):
    service = running(AUTHSVC_CALLERS=str(callers))
    service.await_ready()
    service.signal(signal.SIGHUP)
    put(callers, entry(NEW))
    service.signal(signal.SIGHUP)
    await_that(lambda: status(service, NEW) == 200, "the new token to be known")


def shown(service, authority, client=None, name="localhost"):
    """Return what a caller is answered over TLS; None if one of the two does not trust the other's certificate."""
    place = urlsplit(service.url)
    context = ssl.create_default_context(cadata=authority.certificate.decode())
    if client is not None:
        context.load_cert_chain(client.certificate, client.key)
    request = f"GET /v1/regions HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode()
    with (
        contextlib.suppress(ssl.SSLError, ConnectionError),
        socket.create_connection((place.hostname, place.port), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname=name) as connection,
    ):
        connection.sendall(request)
        answer = connection.recv(65536)
        return int(answer.split(b" ", 2)[1]) if answer else None
    return None


def trusted(address, authority, client):
    """Say whether whoever listens there has a certificate of this authority, and takes the client's."""
    host, port = address.rsplit(":", 1)
    context = ssl.create_default_context(cadata=authority.certificate.decode())
    context.load_cert_chain(client.certificate, client.key)
    context.set_alpn_protocols(["h2"])
    with (
        contextlib.suppress(ssl.SSLError, ConnectionError),
        socket.create_connection((host, int(port)), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname=host) as connection,
    ):
        return connection.recv(1) != b""  # gRPC speaks first
    return False


@pytest.mark.parametrize("name", HOSTS)
def test_certificates_are_renewed_without_a_restart(running, callers, tmp_path, name):
    before, after = Authority("before"), Authority("after")
    served = before.server(*HOSTS).write(tmp_path, "server")
    put(callers, '[[caller]]\nname = "store"\ntls_names = ["store.example"]\ngrants = ["regions"]\n')
    old = before.client("store.example").write(tmp_path, "old")
    new = after.client("store.example").write(tmp_path, "new")
    service = running(
        AUTHSVC_CALLERS=str(callers),
        AUTHSVC_TLS_CERTIFICATE=str(served.certificate),
        AUTHSVC_TLS_KEY=str(served.key),
        AUTHSVC_TLS_CLIENT_CA=str(served.authority),
        AUTHSVC_EXT_AUTHZ_PORT="0",
        GRPC_VERBOSITY="NONE",
    )
    assert trusted(service.ext_authz, before, old)
    assert shown(service, before, name=name) == 401
    assert shown(service, before, old, name) == 200
    assert shown(service, before, new, name) is None

    renewed = after.server(*HOSTS)
    put(served.certificate, renewed.certificate)
    await_that(lambda: degraded(service), "a certificate without its key to be refused")
    assert shown(service, before, old, name) == 200
    assert trusted(service.ext_authz, before, old)
    put(served.key, renewed.key)
    put(served.authority, renewed.authority)
    await_that(lambda: shown(service, after, new, name) == 200, "the new certificate to be shown")
    assert shown(service, after, old, name) is None, "whom the old authority signed for is a stranger now"
    assert shown(service, before, name=name) is None
    assert trusted(service.ext_authz, after, new)
    assert not trusted(service.ext_authz, after, old)
    assert not trusted(service.ext_authz, before, new)
    await_that(lambda: degraded(service) == [], "the refusal to be over")


WORKERS, CONNECTIONS = 2, 20


def workers_that_told(service, event, files=None):
    """Return the numbers of the processes that have told of it."""
    lines = [line for line in service.lines() if line.get("event") == event]
    return {line["pid"] for line in lines if line.get("files") == files}


def all_workers(service):
    """Wait until all of them serve, and return the numbers of their processes."""
    await_that(lambda: len(workers_that_told(service, "worker started")) == WORKERS, "every worker to start")
    return workers_that_told(service, "worker started")


def test_every_worker_takes_new_callers(running, callers):
    service = running("--workers", str(WORKERS), AUTHSVC_CALLERS=str(callers))
    workers = all_workers(service)
    put(callers, "[[caller]]\nname = ")
    await_that(
        lambda: workers_that_told(service, "not read again", "callers") == workers, "everybody to refuse them"
    )
    assert {status(service, OLD) for _ in range(CONNECTIONS)} == {200}
    put(callers, entry(NEW))
    await_that(
        lambda: workers_that_told(service, "read again", "callers") == workers, "everybody to take them"
    )
    answers = {(status(service, OLD), status(service, NEW)) for _ in range(CONNECTIONS)}
    assert answers == {(401, 200)}
    assert workers_that_told(service, "worker started") == workers


def test_every_worker_takes_a_new_certificate(running, callers, tmp_path):
    before, after = Authority("before"), Authority("after")
    served = before.server(*HOSTS).write(tmp_path, "server")
    service = running(
        "--workers",
        str(WORKERS),
        AUTHSVC_CALLERS=str(callers),
        AUTHSVC_TLS_CERTIFICATE=str(served.certificate),
        AUTHSVC_TLS_KEY=str(served.key),
    )
    workers = all_workers(service)
    assert {shown(service, before) for _ in range(CONNECTIONS)} == {401}
    renewed = after.server(*HOSTS)
    put(served.certificate, renewed.certificate)
    put(served.key, renewed.key)
    await_that(lambda: workers_that_told(service, "read again", "TLS") == workers, "everybody to take it")
    assert {(shown(service, before), shown(service, after)) for _ in range(CONNECTIONS)} == {(None, 401)}
    assert workers_that_told(service, "worker started") == workers

"""The command line, as a user runs it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import secrets
import socket
import threading
import tomllib

import click
import pytest

from authsvc.cli.endings import READS_NOTHING
from authsvc.cli.main import main, whole
from authsvc.faces.keystone.passwords import PasswordHash
from tests.clients.capture import Store
from tests.clients.conftest import running_region
from tests.clients.senders import REGION, curl, run
from tests.command import command, command_by_itself
from tests.faultproxy import FaultProxy
from tests.processes import free_port
from tests.region import Authsvc, ask, await_that, signed


@contextlib.contextmanager
def somebody_else(answer):
    """Listen as something that answers so whatever it is asked, and hangs up."""

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def words_of(group, *before):
    for name, each in sorted(group.commands.items()):
        yield (*before, name)
        if isinstance(each, click.Group):
            yield from words_of(each, *before, name)


@pytest.fixture(scope="module")
def region(mariadb, redis_server, tmp_path_factory):
    """One region will do here."""
    with running_region(mariadb, "4.23", redis_server, tmp_path_factory.mktemp("commands")) as made:
        yield made


@pytest.fixture
def sqlite(tmp_path):
    return {"AUTHSVC_DATABASE_URL": f"sqlite:///{tmp_path}/authsvc.db"}


@pytest.fixture
def cloudstack(region):
    """The environment of an operator of the region."""
    return {name: value for name, value in region.authsvc.environment.items() if name.startswith("AUTHSVC_")}


def ok(*words, **options):
    done = command(*words, **options)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def failed(*words, **options):
    """Return the one line it fails with."""
    done = command(*words, **options)
    assert done.returncode == 1, done
    (line,) = done.stderr.splitlines()
    assert line.startswith("authsvc: ")
    return line


def test_every_command_has_an_example_in_its_help():
    # In one process, for the sake of time; that --help works as a process is the next test.
    for words in words_of(whole()):
        with pytest.raises(SystemExit) as ended:
            main([*words, "--help"], prog_name="authsvc")
        assert ended.value.code == 0
    for words in ((), *words_of(whole())):
        context = click.Context(main, info_name="authsvc")
        found = main
        for word in words:
            found = found.commands[word]
        text = found.get_help(click.Context(found, info_name=" ".join(words), parent=context))
        assert "Example:" in text, words
        assert ("Exit status:" in text) is not isinstance(found, click.Group), words


NEEDS = {
    "demo": ["--once", "--port", "0"],
    "edge-keys new-signer": ["signer.pem"],
    "tokens new": ["x", "--grant", "verify"],
    "tokens password": ["x"],
}


@pytest.mark.parametrize("name", sorted(READS_NOTHING))
def test_a_command_whose_help_tells_of_no_settings_reads_none(name, tmp_path):
    words = [*name.split(), *NEEDS.get(name, [])]
    ok(*words, environment={"AUTHSVC_PORT": "many"}, cwd=tmp_path)
    assert "Environment:" not in ok(*name.split(), "--help")
    assert "Environment:" in ok("check", "--help")


@pytest.mark.parametrize("words", [("sevre",), ("migrate",), ("explain",)], ids=" ".join)
def test_the_tests_own_way_to_run_a_command_tells_what_a_user_is_told(words, sqlite, tmp_path):
    """By a process that has imported the libraries already: see `tests.command`."""
    text = "GET /b/k HTTP/1.1\nHost: s3.example.com\n\n"
    by_itself = command_by_itself(*words, text=text, environment=sqlite, cwd=tmp_path)
    done = command(*words, text=text, environment=sqlite, cwd=tmp_path)
    said = (by_itself.returncode, by_itself.stdout, by_itself.stderr)
    assert (done.returncode, done.stdout, done.stderr) == said


def test_help_works():
    assert "Example" in ok("--help")
    assert "Example" in ok("users", "add", "--help")


def test_the_demo_shows_three_answers():
    shown = ok("demo", "--once", "--port", "0")
    for part in ("1. Who holds", "2. Did alice", "3. And this one"):
        assert part in shown
    assert '"authenticated": true' in shown
    assert "SignatureDoesNotMatch" in shown


def test_check_says_what_it_found(cloudstack, region):
    said = ok("check", environment=cloudstack)
    assert "ok    directory: schema of version 4.2" in said
    assert "ok    callers: store" in said
    assert "shared cache: keeps and gives back" in said
    for canary in region.canaries():
        assert canary not in said


@pytest.mark.parametrize(
    ("setting", "value", "about"),
    [
        ("AUTHSVC_DATABASE_KEYS", "wrong", "database keys"),
        ("AUTHSVC_REDIS_URL", "redis://127.0.0.1:1/0", "shared cache"),
        ("AUTHSVC_DATABASE_URL", "mysql://a:b@127.0.0.1:1/cloud", "did not answer"),
        ("AUTHSVC_PORT", "x", "AUTHSVC_PORT"),
        ("AUTHSVC_COLOUR", "blue", "AUTHSVC_COLOUR: there is no such setting"),
        ("AUTHSVC_CALLERS", "/nowhere/callers.toml", "there is no file"),
    ],
)
def test_check_fails_where_it_could_not_serve(cloudstack, setting, value, about):
    done = command("check", environment=cloudstack | {setting: value})
    assert done.returncode == 1
    assert done.stderr == ""
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("fail"))
    assert about in line


def test_check_fails_where_a_login_could_not_work(cloudstack, tmp_path):
    callers = tmp_path / "callers.toml"
    login = '[[caller]]\nname = "ceph"\ngrants = ["verify"]\n[caller.keystone]\nuser = "ceph"\n'
    for entry, about in (
        (login, "ceph: keystone: password_scrypt must be a list of hashes"),
        (f'{login}password_scrypt = ["{PasswordHash.make(b"x", n=2)}"]\n', "need AUTHSVC_TOKEN_KEYS"),
    ):
        callers.write_text(entry)
        done = command("check", environment=cloudstack | {"AUTHSVC_CALLERS": str(callers)})
        assert done.returncode == 1
        assert about in next(line for line in done.stdout.splitlines() if line.startswith("fail"))


def test_users_come_and_go(sqlite, tmp_path):
    made = ok("users", "add", "alice", "--account", "acme", "--domain", "/sales/", environment=sqlite)
    number, access_key, secret_key = (line.split()[-1] for line in made.splitlines())
    assert ok("users", "list", environment=sqlite).split("\t") == [
        *(number, "enabled", "/sales/", "acme", "alice", f"{access_key}\n")
    ]
    ok("users", "disable", "alice", environment=sqlite)
    assert "\tdisabled\t" in ok("users", "list", environment=sqlite)
    ok("users", "enable", number, environment=sqlite)
    assert "\tenabled\t" in ok("users", "list", environment=sqlite)
    ok("users", "remove", "alice", environment=sqlite)
    assert ok("users", "list", environment=sqlite) == ""
    assert "alice" in failed("users", "disable", "alice", environment=sqlite)
    given = command(
        *("users", "add", "bob", "--access-key", "BOBKEY", "--secret-key-file", "-"),
        text="given secret\n",
        environment=sqlite,
    )
    assert given.returncode == 0
    assert "given secret" not in given.stdout
    assert secret_key not in given.stdout


@pytest.mark.parametrize(
    ("words", "about"),
    [
        (("eve\nadmin",), "a user's name"),
        (("e" * 256,), "a user's name"),
        (("eve", "--account", "a" * 101), "an account's name"),
        (("eve", "--account", "a\tb"), "an account's name"),
        (("eve", "--domain", "/a\x1b[2J/"), "a domain's path"),
        (("eve", "--domain", "/" + "d/" * 200), "a domain's path"),
        (("eve", "--secret-key-file", "-"), "the secret key is empty"),
    ],
    ids=range(7),
)
def test_who_could_not_be_listed_or_sign_is_not_added(sqlite, words, about):
    assert about in failed("users", "add", *words, text="\n", environment=sqlite)
    assert ok("users", "list", environment=sqlite) == ""


def test_regions_come_and_go(sqlite):
    ok("regions", "add", "2", "north", "https://north.example.com/client/", environment=sqlite)
    assert "2\tnorth\thttps://north.example.com/client/" in ok("regions", "list", environment=sqlite)
    ok("regions", "update", "2", "--name", "far north", environment=sqlite)
    assert "2\tfar north\t" in ok("regions", "list", environment=sqlite)
    ok("regions", "remove", "2", environment=sqlite)
    assert "far north" not in ok("regions", "list", environment=sqlite)
    assert "2" in failed("regions", "remove", "2", environment=sqlite)


@pytest.mark.parametrize(
    "words",
    [
        ("add", "0", "north", "https://north.example.com/"),
        ("add", "2", "", "https://north.example.com/"),
        ("add", "2", "north\n3\tsouth", "https://north.example.com/"),
        ("add", "2", "n" * 256, "https://north.example.com/"),
        ("add", "2", "north", ""),
        ("add", "2", "north", "javascript:alert(1)"),
        ("add", "2", "north", "https:///client/"),
        ("add", "2", "north", f"https://north.example.com/{'x' * 250}"),
        ("update", "1", "--endpoint", "north.example.com"),
        ("update", "1", "--name", " "),
        ("update", "1"),
    ],
)
def test_a_region_nobody_could_be_sent_to_is_refused(sqlite, words):
    before = ok("regions", "list", environment=sqlite)
    assert command("regions", *words, environment=sqlite).returncode == 2
    assert ok("regions", "list", environment=sqlite) == before


@pytest.mark.parametrize(
    "words",
    [
        ("users", "add", "eve"),
        ("users", "disable", "alice"),
        ("users", "enable", "alice"),
        ("users", "remove", "alice"),
        ("regions", "add", "2", "north", "https://north.example.com/"),
        ("regions", "update", "1", "--name", "other"),
        ("regions", "remove", "1"),
        ("migrate",),
    ],
    ids=" ".join,
)
def test_cloudstacks_rows_are_not_ours_to_change(cloudstack, region, words):
    before = region.mariadb.execute("SELECT * FROM user", database=region.name)
    assert "management server" in failed(*words, environment=cloudstack)
    assert region.mariadb.execute("SELECT * FROM user", database=region.name) == before


def test_cloudstacks_regions_are_listed(cloudstack):
    assert "1\tLocal\t" in ok("regions", "list", environment=cloudstack)


def test_a_new_token_opens_the_door(cloudstack, region, tmp_path):
    made = ok("tokens", "new", "swift", "--grant", "verify")
    token = made.splitlines()[1]
    entry = made[made.index("[[caller]]") :]
    assert tomllib.loads(entry)["caller"][0]["grants"] == ["verify"]
    assert token not in entry
    callers = tmp_path / "callers.toml"
    callers.write_text(entry)
    service = Authsvc(tmp_path, cloudstack | {"AUTHSVC_CALLERS": str(callers)})
    try:
        service.start().await_ready()
        body = json.dumps(signed(region.people["alice"])).encode()
        for shown, status in ((token, 200), (region.token, 401)):
            headers = {"X-Auth-Token": shown, "Content-Type": "application/json"}
            assert ask(f"{service.url}/v1/verify", "POST", body, headers).status == status
        assert service.stop() == 0
        service.assert_silent_about([token, *region.canaries()])
    finally:
        service.kill()


@pytest.mark.parametrize("name", ["", "two words", 'a"b', "-x", "é", "x" * 65])
def test_a_caller_whose_entry_would_be_refused_gets_no_token(name):
    done = command("tokens", "new", "--grant", "verify", "--", name)
    assert (done.returncode, done.stdout) == (2, "")
    assert "name must be 1 to 64 of" in done.stderr


@pytest.fixture
def dump(region, tmp_path):
    """What `curl -v` prints of a request to a store that answers, and the secret's file."""
    person = region.people["alice"]
    secret = tmp_path / "secret"
    secret.write_text(f"{person.secret}\n")
    with Store(f"{region.authsvc.url}/v1/verify", region.token) as store:
        done = run(
            *("curl", "--silent", "--verbose", "--aws-sigv4", f"aws:amz:{REGION}:s3"),
            *("--user", f"{person.access_key}:{person.secret}"),
            *("--connect-to", f"127.0.0.1:9000:127.0.0.1:{store.port}"),
            *(
                "--header",
                "x-amz-content-sha256: UNSIGNED-PAYLOAD",
                "http://127.0.0.1:9000/bucket/a%20key?prefix=x",
            ),
        )
        assert curl("/b/k")(store, person.access_key, person.secret) is None
        region.said |= store.signatures
    assert done.returncode == 0
    return done.stderr, secret


def test_a_password_is_made_once_and_kept_as_a_hash(tmp_path):
    made = command("tokens", "password", "swift-user")
    assert made.returncode == 0, made.stderr
    password = made.stdout.splitlines()[1]
    options = tomllib.loads(made.stdout.partition("[caller.keystone]")[2])
    assert options["user"] == "swift-user"
    assert PasswordHash.parse(options["password_scrypt"][0]).matches(password.encode())

    given = command("tokens", "password", "ceph", "--password-file", "-", text="correct horse\n")
    options = tomllib.loads(given.stdout.partition("[caller.keystone]")[2])
    assert PasswordHash.parse(options["password_scrypt"][0]).matches(b"correct horse")
    assert "correct horse" not in given.stdout
    assert command("tokens", "password", "ceph", "--password-file", "-", text="\n").returncode != 0

    quoted = 'a "b"\\\n\x7f é'
    made = ok("tokens", "password", quoted)
    assert tomllib.loads(made.partition("[caller.keystone]")[2])["user"] == quoted
    assert command("tokens", "password", "").returncode == 2


def test_explain_agrees_with_a_right_request(dump, region):
    text, secret = dump
    shown = ok("explain", "--secret-file", str(secret), text=text)
    assert "verdict: the signature matches" in shown
    assert region.people["alice"].secret not in shown


def test_explain_names_the_port_that_the_host_lost(dump, region):
    text, secret = dump
    done = command(
        "explain",
        "--secret-file",
        str(secret),
        text=text.replace("Host: 127.0.0.1:9000", "Host: 127.0.0.1"),
    )
    assert done.returncode == 1
    assert "verdict: the signature does not match" in done.stdout
    (cause,) = (line for line in done.stdout.splitlines() if line.startswith("cause: "))
    assert "port" in cause
    assert region.people["alice"].secret not in done.stdout + done.stderr


def test_explain_looks_the_secret_up(cloudstack, region, tmp_path):
    question = tmp_path / "question.json"
    question.write_text(json.dumps(signed(region.people["alice"])))
    assert "verdict: the signature matches" in ok(
        "explain", "--look-up", str(question), environment=cloudstack
    )
    question.write_text(json.dumps(signed(region.people["alice"], region.people["bob"].secret)))
    done = command("explain", "--look-up", str(question), environment=cloudstack)
    assert done.returncode == 1
    assert "verdict: the signature does not match" in done.stdout
    for canary in (region.people["alice"].secret, region.people["bob"].secret):
        assert canary not in done.stdout + done.stderr
    nobody = dataclasses.replace(region.people["alice"], access_key="NOBODY")
    text = json.dumps(signed(nobody))
    assert "no live user" in failed("explain", "--look-up", text=text, environment=cloudstack)


async def test_explain_waits_for_a_database_longer_than_a_request_may(cloudstack, region, tmp_path):
    question = tmp_path / "question.json"
    question.write_text(json.dumps(signed(region.people["alice"])))
    async with FaultProxy(port=region.mariadb.port) as proxy:
        proxy.delay(10)  # in each direction; a connection and a look at the schema take a dozen of exchanges
        url = region.mariadb.url(region.name, region.password, region.name, port=proxy.port)
        alone = {
            name: value for name, value in cloudstack.items() if "REDIS" not in name and "CACHE" not in name
        }
        words = ("explain", "--look-up", str(question))
        shown = await asyncio.to_thread(ok, *words, environment=alone | {"AUTHSVC_DATABASE_URL": url})
    assert "verdict: the signature matches" in shown


def test_explain_helps_with_what_curl_leaves_out():
    signed_by_curl = (
        "> GET /bucket/key HTTP/1.1\n> Host: 127.0.0.1:9000\n> X-Amz-Date: 20261126T120000Z\n"
        "> Authorization: AWS4-HMAC-SHA256 Credential=AK/20261126/us-east-1/s3/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={'0' * 64}\n>\n"
    )
    done = command("explain", text=signed_by_curl)
    assert done.returncode == 1
    assert (
        "hint: curl does not send it unasked: add -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD'" in done.stdout
    )


def test_explain_without_a_secret_shows_the_steps(dump):
    shown = ok("explain", text=dump[0])
    assert "cannot tell without the secret key" in shown
    assert "string to sign" in shown


def test_what_is_no_request_is_one_line():
    assert "METHOD TARGET" in failed("explain", text="hello\n\nworld")
    assert failed("explain", text="{}") == "authsvc: method: Missing data for required field."


def test_a_forgotten_key_is_asked_for_again(cloudstack, region, redis_server):
    person = region.add(f"fay-{secrets.token_hex(4)}")
    assert region.verify(signed(person)).json["authenticated"]
    await_that(lambda: redis_server.execute("DBSIZE"), "the record to be shared")
    said = ok("forget", person.access_key, environment=cloudstack)
    assert "forgotten" in said
    # Once memory is no longer fresh the process hears of it, and does not believe Redis either.
    source = await_that(
        lambda: (found := region.verify(signed(person)).json["freshness"]["source"]) != "memory" and found,
        "memory to end",
    )
    assert source == "database"


def test_forget_over_the_wire(cloudstack, region, tmp_path):
    token = tmp_path / "token"
    token.write_text(region.token)
    # A key may begin like an option: CloudStack's are base64url.
    person = region.add(f"hal-{secrets.token_hex(4)}", access_key=f"-h{secrets.token_urlsafe(62)}")
    for _ in range(2):
        region.verify(signed(person))
    assert region.verify(signed(person)).json["freshness"]["source"] == "memory"
    alone = {name: value for name, value in cloudstack.items() if "REDIS" not in name and "CACHE" not in name}
    words = ("forget", person.access_key, "--url", region.authsvc.url, "--token-file", str(token))
    assert "has forgotten it" in ok(*words, environment=alone)
    assert region.verify(signed(person)).json["freshness"]["source"] == "database"
    token.write_text("wrong")
    assert "401" in failed(*words, environment=alone)
    assert "--url" in failed("forget", person.access_key, environment=alone)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\nContent-Type: text/html\r\n\r\n<p>\n",
        b"220 ftp\r\n",
        b"",
        b'HTTP/1.1 403 No\r\nContent-Length: 54\r\n\r\n{"error":{"message":"two\\nlines, \\u001b[31mred ones"}}',
    ],
    ids=["a page", "no HTTP", "nothing", "words that are more than one line"],
)
def test_what_else_is_at_the_address_is_one_clear_line(answer, tmp_path):
    token = tmp_path / "token"
    token.write_text("asv_x")
    with somebody_else(answer) as url:
        line = failed("forget", "AK", "--url", url, "--token-file", str(token))
    assert line.startswith(f"authsvc: {url} ")
    assert line.isprintable()


@pytest.mark.parametrize(
    "words",
    [("serve",), ("users", "list"), ("regions", "list"), ("forget", "AK"), ("explain",)],
    ids=" ".join,
)
def test_an_unknown_setting_is_one_clear_line(words, sqlite):
    line = failed(*words, environment=sqlite | {"AUTHSVC_COLOUR": "blue"})
    assert line == "authsvc: AUTHSVC_COLOUR: there is no such setting"


def test_settings_that_contradict_are_told_together(sqlite):
    done = command("serve", environment=sqlite | {"AUTHSVC_PORT": "x", "AUTHSVC_REDIS_URL": "redis://h"})
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 2


def test_a_port_that_is_taken_is_one_clear_line(sqlite, region):
    port = region.authsvc.url.rpartition(":")[2]
    assert port in failed("serve", environment=sqlite | {"AUTHSVC_PORT": port, "AUTHSVC_OPS_PORT": "0"})


def test_health_asks_the_ops_port(region):
    assert json.loads(ok("health", "--url", region.authsvc.ops)) == {"alive": True}
    assert json.loads(ok("health", "--ready", "--url", region.authsvc.ops))["ready"] is True
    port = region.authsvc.ops.rpartition(":")[2]
    everywhere = {"AUTHSVC_HOST": "0.0.0.0", "AUTHSVC_OPS_PORT": port}
    assert json.loads(ok("health", environment=everywhere)) == {"alive": True}


def test_health_says_no_of_what_is_not_there_or_not_ready(region, tmp_path):
    nobody = f"http://127.0.0.1:{free_port()}"
    assert failed("health", "--url", nobody).endswith(f"{nobody} does not answer: ClientConnectorError")
    away = {"AUTHSVC_DATABASE_URL": f"mysql://nobody:here@127.0.0.1:{free_port()}/cloud"}
    service = Authsvc(tmp_path, away).start()
    try:
        done = command("health", "--ready", "--url", service.ops)
        assert (done.returncode, json.loads(done.stdout)["ready"]) == (1, False)
    finally:
        service.stop()

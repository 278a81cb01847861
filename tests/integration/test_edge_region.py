"""Two regions: one with CloudStack's database, which exports; one with nothing but the exported file."""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.crt.auth import CrtS3SigV4AsymAuth, CrtS3SigV4AsymQueryAuth

from authsvc.faces.callers import new_token, token_digest
from tests.command import command
from tests.region import Authsvc, Region, ask, await_that

HOST = "https://s3.edge.example.com"


class Edge:
    """A region that holds public keys alone, as its operator has it."""

    def __init__(self, origin, folder):
        self.origin, self.folder = origin, folder
        folder.mkdir()
        self.file, self.signer = folder / "edge.keys", folder / "signer.pem"
        self.settings = {
            "AUTHSVC_EDGE_KEYS": str(self.file),
            "AUTHSVC_EDGE_SIGNERS": self.new_signer(self.signer),
            "AUTHSVC_CALLERS": str(folder / "callers.toml"),
            "AUTHSVC_SIGNING_REGIONS": "edge-1",
        }
        self.token = new_token()
        (folder / "callers.toml").write_text(
            f'[[caller]]\nname = "store"\ntoken_sha256 = ["{token_digest(self.token)}"]\n'
            'grants = ["verify", "identify", "secret"]\n'
        )
        self.authsvc = Authsvc(folder, self.settings)

    def new_signer(self, path):
        made = command("edge-keys", "new-signer", str(path))
        assert made.returncode == 0, made.stderr
        assert path.stat().st_mode & 0o077 == 0
        return made.stdout.splitlines()[-1].removeprefix("AUTHSVC_EDGE_SIGNERS=")

    def export(self, file=None, signer=None, *words):
        """Export in the other region, and bring the file here."""
        environment = {
            name: value
            for name, value in self.origin.authsvc.environment.items()
            if name.startswith("AUTHSVC_")
        }
        done = command(
            *("edge-keys", "export", str(file or self.file), "--signer", str(signer or self.signer), *words),
            environment=environment,
        )
        assert done.returncode == 0, done.stderr
        return done

    def ask(self, path, question):
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        return ask(f"{self.authsvc.url}{path}", "POST", json.dumps(question).encode(), headers)

    def verify(self, question):
        answer = self.ask("/v1/verify", question)
        assert answer.status == 200, answer
        return answer.json

    def await_telling(self, word):
        """Wait until its readiness says the word, and return the whole of it."""

        def told():
            status, report = self.authsvc.readiness()
            said = report["reasons"] + report["degraded"]
            return (status, report) if any(word in one for one in said) else None

        return await_that(told, f"readiness to say {word}")


@pytest.fixture(scope="module")
def origin(mariadb, tmp_path_factory):
    """The region with the database. Tests that change people add some of their own."""
    with Region(mariadb, "4.23", tmp_path_factory.mktemp("origin")) as made:
        yield made


@pytest.fixture
def edge(origin, tmp_path):
    made = Edge(origin, tmp_path / "edge")
    yield made
    made.authsvc.kill()


@pytest.fixture(scope="module")
def running(origin, tmp_path_factory):
    """The region without; tests leave it a good file."""
    edge = Edge(origin, tmp_path_factory.mktemp("running") / "edge")
    edge.export()
    edge.authsvc.start().await_ready()
    yield edge
    assert edge.authsvc.stop() == 0
    assert edge.authsvc.stderr.read_text() == ""
    edge.authsvc.assert_silent_about(origin.canaries() | {edge.token})


def signed(person, signer=CrtS3SigV4AsymAuth, *, regions="edge-*", path="/bucket/k%20ey?x=1", secret=None):
    """Let the AWS common runtime sign now; returned as `/v1/verify` takes it."""
    request = AWSRequest(method="GET", url=f"{HOST}{path}", headers={})
    signer(Credentials(person.access_key, secret or person.secret), "s3", regions).add_auth(request)
    parts = urlsplit(request.url)
    headers = [[name, value] for name, value in request.headers.items() if name.lower() != "host"]
    return {
        "method": "GET",
        "target": f"{parts.path}?{parts.query}" if parts.query else parts.path,
        "headers": [["Host", parts.netloc], *headers],
        "expect": {"service": "s3", "region": "edge-1"},
    }


@pytest.mark.parametrize("signer", [CrtS3SigV4AsymAuth, CrtS3SigV4AsymQueryAuth])
def test_a_region_without_secrets_tells_who_signed(running, origin, signer):
    for name in ("alice", "bob", "admin"):
        here = running.verify(signed(origin.people[name], signer))
        assert here["authenticated"], here
        assert here["scheme"] == "sigv4a"
        assert here["signature"]["scope"]["region"] is None
        assert here["signature"]["scope"]["region_set"] == ["edge-*"]
        assert here["principal"]["user"]["name"] == name


def test_both_regions_say_the_same(running, origin):
    origin.authsvc.start().await_ready()
    question = signed(origin.people["alice"])
    here, there = running.verify(question), origin.verify(question).json
    assert here.pop("freshness") != there.pop("freshness")
    assert here == there
    assert origin.authsvc.stop() == 0


def test_what_was_not_signed_so_is_refused(running, origin):
    alice = origin.people["alice"]
    wrong = running.verify(signed(alice, secret="another"))
    assert wrong["error"]["code"] == "SignatureDoesNotMatch"
    changed = signed(alice)
    changed["target"] = "/bucket/other"
    assert running.verify(changed)["error"]["code"] == "SignatureDoesNotMatch"
    elsewhere = running.verify(signed(alice, regions="us-*,eu-1"))
    assert elsewhere["error"]["code"] == "AuthorizationHeaderMalformed"
    assert "edge-1" in elsewhere["error"]["message"]
    for name, code in (("off", "AccountProblem"), ("barred", "AccountProblem")):
        assert running.verify(signed(origin.people[name]))["error"]["code"] == code


def test_nobody_is_told_to_have_signed_wrongly_what_takes_a_secret(running, origin):
    """Neither yes nor "bad signature": such schemes are refused by name, be the signature right or wrong."""
    alice = origin.people["alice"]
    for secret in (alice.secret, "another"):
        answer = running.verify(signed(alice, S3SigV4Auth, regions="edge-1", secret=secret))
        assert not answer["authenticated"]
        assert answer["scheme"] == "sigv4"
        assert (answer["error"]["code"], answer["error"]["status"]) == ("InvalidRequest", 400)


def test_users_are_looked_up_and_have_no_secret(running, origin):
    alice = origin.people["alice"]
    answer = running.ask("/v1/users/lookup", {"access_key": alice.access_key})
    assert answer.status == 200
    assert answer.json["principal"]["user"]["name"] == "alice"
    wanted = running.ask("/v1/users/lookup", {"access_key": alice.access_key, "want": ["secret_key"]})
    assert (wanted.status, wanted.json["error"]["code"]) == (503, "SecretNotHeld")
    assert running.ask("/v1/users/lookup", {"access_key": "nobody"}).status == 404


def test_there_is_no_secret_to_be_found(running, origin):
    """Nor in the memory of the process: every page of it that can be read is looked at."""
    running.verify(signed(origin.people["alice"]))
    pid = running.authsvc._process.pid
    process = Path(f"/proc/{pid}")
    with (process / "maps").open() as maps, (process / "mem").open("rb", 0) as memory:
        for line in maps:
            span, rights = line.split()[:2]
            first, last = (int(edge, 16) for edge in span.split("-"))
            if "r" not in rights or line.rstrip().endswith(("[vvar]", "[vsyscall]")):
                continue
            try:
                memory.seek(first)
                page = memory.read(last - first)
            except (OSError, ValueError, OverflowError):
                continue
            for person in origin.people.values():
                assert person.secret.encode() not in page
    written = running.file.read_bytes()
    for person in origin.people.values():
        assert person.access_key.encode() in written
        assert person.secret.encode() not in written


def test_a_user_disabled_there_is_refused_here_after_the_next_export(running, origin):
    leaving = origin.add("leaving")
    running.export()
    await_that(lambda: running.verify(signed(leaving))["authenticated"], "the file with leaving in it")
    origin.rows.update("user", leaving.user, state="disabled")
    assert running.verify(signed(leaving))[
        "authenticated"
    ]  # as promised, and no better: until the next export
    running.export()
    await_that(lambda: not running.verify(signed(leaving))["authenticated"], "the new file to be read")
    refused = running.verify(signed(leaving))["error"]
    assert (refused["code"], refused["detail"]["reason"]) == ("AccountProblem", "user-disabled")


def test_a_bad_file_is_told_and_does_not_push_out_the_good_one(running, origin, tmp_path):
    alice = origin.people["alice"]
    other = tmp_path / "other.pem"
    running.new_signer(other)
    running.export(None, other)
    status, report = running.await_telling("AUTHSVC_EDGE_SIGNERS")
    assert (status, report["ready"]) == (200, True)
    assert running.verify(signed(alice))["authenticated"]
    running.export()
    await_that(lambda: running.authsvc.readiness()[1]["degraded"] == [], "the good file to be read")


def spoilt(edge, how):
    """Put a file in its place that must not be believed."""
    if how == "expired":
        edge.export(None, None, "--valid-for", "0.0001")
    elif how == "wrongly signed":
        edge.new_signer(edge.folder / "other.pem")
        edge.export(None, edge.folder / "other.pem")
    else:
        edge.export()
        whole = edge.file.read_bytes()
        tampered = whole.replace(b'"disabled"', b'"enabled" ', 1)
        assert tampered != whole
        edge.file.write_bytes({"tampered": tampered, "truncated": whole[: len(whole) // 2]}[how])


@pytest.mark.parametrize(
    ("how", "word"),
    [
        ("expired", "expired"),
        ("wrongly signed", "AUTHSVC_EDGE_SIGNERS"),
        ("tampered", "changed since"),
        ("truncated", "cut short"),
    ],
)
def test_a_region_whose_only_file_is_bad_is_not_ready_and_says_why(edge, origin, how, word):
    spoilt(edge, how)
    edge.authsvc.start()
    status, report = edge.await_telling(word)
    assert (status, report["ready"]) == (503, False)
    assert edge.ask("/v1/verify", signed(origin.people["alice"])).status == 503
    checked = command("check", environment=edge.settings)
    assert checked.returncode == 1
    assert any(line.startswith("fail") and word in line for line in checked.stdout.splitlines())
    edge.export()
    edge.authsvc.await_ready()
    assert edge.verify(signed(origin.people["alice"]))["authenticated"]


def test_check_and_explain_know_an_edge_region(edge, origin):
    edge.export()
    checked = command("check", environment=edge.settings)
    assert checked.returncode == 0, checked.stdout
    assert "edge keys of region 1" in checked.stdout
    assert "sigv4a can be verified here" in checked.stdout
    alice = origin.people["alice"]
    explained = command("explain", "--look-up", text=json.dumps(signed(alice)), environment=edge.settings)
    assert explained.returncode == 0, explained
    assert "the signature matches" in explained.stdout
    assert "region set: edge-*" in explained.stdout
    wrong = signed(alice)
    wrong["target"] = "/bucket//k%20ey?x=1"
    explained = command("explain", "--look-up", text=json.dumps(wrong), environment=edge.settings)
    assert explained.returncode == 1
    assert "the path was normalised" in explained.stdout
    symmetric = signed(alice, S3SigV4Auth, regions="edge-1")
    explained = command("explain", "--look-up", text=json.dumps(symmetric), environment=edge.settings)
    assert "cannot tell without the secret key" in explained.stdout


def test_what_belongs_to_a_database_is_refused_in_an_edge_region(edge):
    for words in (
        ("users", "list"),
        ("migrate",),
        ("regions", "list"),
        ("edge-keys", "export", "x", "--signer", str(edge.signer)),
    ):
        done = command(*words, environment=edge.settings, cwd=edge.folder)
        assert done.returncode == 1
        assert "edge region" in done.stderr
    assert not list(edge.folder.glob("*.db"))
    both = command("check", environment=edge.settings | {"AUTHSVC_DATABASE_URL": "sqlite://"})
    assert "AUTHSVC_DATABASE_URL: an edge region" in both.stdout


def test_an_export_that_fails_leaves_the_file_there_was(edge, origin):
    edge.export()
    before = edge.file.read_bytes()
    environment = dict(origin.authsvc.environment) | {"AUTHSVC_DATABASE_KEYS": "wrong"}
    environment = {name: value for name, value in environment.items() if name.startswith("AUTHSVC_")}
    words = ("edge-keys", "export", str(edge.file), "--signer", str(edge.signer))
    done = command(*words, environment=environment)
    assert done.returncode == 1
    assert "database keys" in done.stderr
    assert edge.file.read_bytes() == before
    assert [path.name for path in edge.folder.iterdir() if path.name.startswith(".")] == []


def test_an_export_rides_out_a_database_that_pauses(edge, origin, mariadb):
    mariadb.pause()
    words = ("edge-keys", "export", str(edge.file), "--signer", str(edge.signer))
    with subprocess.Popen(
        [sys.executable, "-m", "authsvc", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=origin.authsvc.environment,
    ) as exporting:
        told = next(line for line in exporting.stderr if "beginning again" in line)
        mariadb.resume()
        rest = exporting.stderr.read()
    assert "did not answer" in told
    assert exporting.returncode == 0, rest
    assert f"{len(origin.people)} keys" in rest
    assert edge.file.read_bytes().count(b"\n") == len(origin.people) + 2


def test_an_existing_signing_key_is_not_overwritten(edge):
    done = command("edge-keys", "new-signer", str(edge.signer))
    assert done.returncode == 1
    assert done.stderr.startswith("authsvc: ")


def test_an_export_tells_how_far_it_has_come_and_names_what_it_could_not_read(edge, origin):
    spoilt = origin.add("spoilt")
    stored = base64.b64encode(secrets.token_bytes(64)).decode()
    origin.rows.update("api_keypair", spoilt.key, secret_key=stored)
    done = edge.export()
    count = len(origin.people)
    assert f"{count} keys" in done.stderr
    assert f"{count} keys, 1 of them with a secret that cannot be read" in done.stdout
    origin.rows.update("user", spoilt.user, removed="2026-01-01 00:00:00")
    origin.people.pop("spoilt")
    edge.authsvc.start().await_ready()
    assert edge.ask("/v1/verify", signed(spoilt)).status == 503
    assert edge.verify(signed(origin.people["alice"]))["authenticated"]

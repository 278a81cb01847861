"""The pages of the faces: each face has one, names its paths and statuses, and its examples give what they say."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from authsvc.faces.dialects import GATED, MINIO, SCALITY, VAULT
from authsvc.faces.forward_auth.identity import HEADERS
from authsvc.settings import FACES
from tests.command import command
from tests.region import Authsvc, new_token

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "faces"
EXAMPLE = re.compile(r"<!-- run -->\n```sh\n(.*?)```\n```text\n(.*?)```", re.DOTALL)
EXAMPLES = [
    pytest.param(*found.groups(), id=f"{path.stem}-{number}")
    for path in sorted(PAGES.glob("*.md"))
    for number, found in enumerate(EXAMPLE.finditer(path.read_text(encoding="utf-8")), 1)
]


def page(name):
    return (PAGES / f"{name}.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """An embedded directory with alice in it, and a store that may ask for anything."""
    folder = tmp_path_factory.mktemp("faces")
    token, entry = new_token()
    (folder / "callers.toml").write_text(entry.replace('"verify"', '"verify", "secret"'), encoding="utf-8")
    (folder / "secret").write_text("a secret key of alice's", encoding="utf-8")
    settings = {
        "AUTHSVC_DATABASE_URL": f"sqlite:///{folder}/authsvc.db",
        "AUTHSVC_CALLERS": str(folder / "callers.toml"),
        "AUTHSVC_FACES": ",".join(FACES),
    }
    words = ("--account", "acme", "--access-key", "ALICEKEY", "--secret-key-file", str(folder / "secret"))
    made = command("users", "add", "alice", *words, environment=settings)
    assert made.returncode == 0, made.stderr
    authsvc = Authsvc(folder / "process", settings)
    try:
        authsvc.start().await_ready()
        yield {
            "PATH": os.environ["PATH"],
            "AUTHSVC": authsvc.url,
            "TOKEN": token,
            "ACCESS_KEY": "ALICEKEY",
            "SECRET_KEY": "a secret key of alice's",
        }
        assert authsvc.stop() == 0
    finally:
        authsvc.kill()


@pytest.mark.parametrize(("script", "shown"), EXAMPLES)
def test_an_example_gives_what_its_page_shows(service, script, shown):
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=service,
    )
    assert (done.returncode, done.stderr) == (0, "")
    wanted = re.escape(shown).replace("…", ".*?")
    assert re.fullmatch(wanted, done.stdout.replace("\r", ""), re.DOTALL), done.stdout


def test_every_page_that_has_examples_was_found():
    assert {example.id.partition("-")[0] for example in EXAMPLES} == {"gateways", "minio", "scality", "vault"}


def test_every_face_has_its_page():
    told = {"forward_auth": "gateways", "ext_authz": "gateways"}
    for face in FACES:
        assert f"({told.get(face, face)}.md)" in page("README"), face
        assert (PAGES / f"{told.get(face, face)}.md").exists()


@pytest.mark.parametrize(
    ("name", "dialects"),
    [("gateways", GATED.values()), ("minio", [MINIO]), ("scality", [SCALITY]), ("vault", [VAULT])],
)
def test_every_status_of_a_face_is_on_its_page(name, dialects):
    statuses = {said.status for dialect in dialects for said in dialect.table.values()} - {500}
    told = set(map(int, re.findall(r"^\| (\d{3})", page(name), re.MULTILINE)))
    assert statuses <= told


def test_every_code_of_scalitys_is_on_its_page():
    codes = {said.code for said in SCALITY.table.values()}
    assert [code for code in sorted(codes) if f"`{code}`" not in page("scality")] == []


def test_the_whole_identity_is_on_the_gateways_page():
    assert [header for header in HEADERS if f"`{header}`" not in page("gateways")] == []

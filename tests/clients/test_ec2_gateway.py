"""The whole path: unmodified EC2 clients, the example gateway, authsvc as a process, CloudStack's database, Redis."""

from __future__ import annotations

import asyncio
import datetime as dt
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
import xmlsec
import zeep
from aiohttp.test_utils import TestServer
from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree
from zeep.wsse.signature import BinarySignature
from zeep.wsse.utils import get_security_header

from tests import soap
from tests.region import Region, ask

EXAMPLE = Path(__file__).parents[2] / "examples" / "ec2-gateway"
WSDL = Path(__file__).with_name("ec2.wsdl")
SHA256 = {"signature_method": xmlsec.Transform.RSA_SHA256, "digest_method": xmlsec.Transform.SHA256}


def example(name):
    """Import a file of the example, whose folder is no package."""
    spec = importlib.util.spec_from_file_location(f"ec2_gateway_{name}", EXAMPLE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def region(mariadb, redis_server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    own = {
        "AUTHSVC_OWN_DATABASE_URL": f"sqlite:///{folder}/own.db",
        "AUTHSVC_SIGV2_ALGORITHMS": "HmacSHA1,HmacSHA256",
    }
    with Region(mariadb, "4.22", folder, redis=redis_server, **own) as made:
        made.rows.insert("region", id=7, name="north", end_point="https://north.example/client/")
        made.authsvc.start().await_ready()
        yield made
        assert made.authsvc.stop() == 0
        made.authsvc.assert_silent_about(made.canaries())


@pytest.fixture(scope="module")
def alice(region):
    """Alice, with her certificate registered by the example's own client."""
    client, person, by = example("client"), region.people["alice"], soap.signer()
    (user_id,) = region.mariadb.execute(f"SELECT uuid FROM {region.name}.user WHERE id = {person.user}")[0]
    url = f"{region.authsvc.url}/v1/users/{user_id}/certificates"
    named = f'<RegisterCertificate xmlns="urn:authsvc:certificates"><UserId>{user_id}</UserId></RegisterCertificate>'
    proof = client.signed_envelope(by.key, by.der, named)
    headers = client.signed_headers(
        "POST", url, proof, access_key=person.access_key, secret_key=person.secret, service="authsvc"
    )
    answer = ask(url, "POST", proof, {**headers, "X-Auth-Token": region.token, "Content-Type": "text/xml"})
    assert answer.status == 201, answer.body
    return person


@pytest.fixture
async def gateway(region):
    """Where the gateway listens."""
    async with TestServer(example("gateway").make_gateway(region.authsvc.url, region.token)) as server:
        yield str(server.make_url("/"))


class Timed(BinarySignature):
    """zeep signs a Timestamp where there is one, and adds none; what it is answered is not signed."""

    def apply(self, envelope, headers):
        now = dt.datetime.now(dt.UTC)
        timestamp = etree.SubElement(get_security_header(envelope), f"{{{soap.WSU}}}Timestamp")
        etree.SubElement(timestamp, f"{{{soap.WSU}}}Created").text = soap.stamp(now.timestamp())
        etree.SubElement(timestamp, f"{{{soap.WSU}}}Expires").text = soap.stamp(now.timestamp() + 300)
        return super().apply(envelope, headers)

    def verify(self, envelope):
        return envelope


class Untimed(Timed):
    """zeep as it is."""

    def apply(self, envelope, headers):
        return BinarySignature.apply(self, envelope, headers)


@pytest.fixture
def pems(tmp_path):
    by = soap.signer()
    (tmp_path / "key.pem").write_bytes(
        by.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    (tmp_path / "cert.pem").write_bytes(x509.load_der_x509_certificate(by.der).public_bytes(Encoding.PEM))
    return str(tmp_path / "key.pem"), str(tmp_path / "cert.pem")


async def describe(gateway, signature, *names):
    def call():
        client = zeep.Client(str(WSDL), wsse=signature)
        service = client.create_service("{http://ec2.amazonaws.com/doc/2012-08-15/}EC2Binding", gateway)
        return service.DescribeRegions(regionSet={"item": [{"regionName": name} for name in names]})

    return await asyncio.to_thread(call)


async def test_zeep_is_answered(gateway, alice, pems):
    answer = await describe(gateway, Timed(*pems, **SHA256))
    assert ("north", "https://north.example/client/") in [
        (item.regionName, item.regionEndpoint) for item in answer.regionInfo.item
    ]
    answer = await describe(gateway, Timed(*pems, **SHA256), "north")
    assert [item.regionName for item in answer.regionInfo.item] == ["north"]


@pytest.mark.usefixtures("alice")
@pytest.mark.parametrize(
    ("signature", "options"),
    [(Untimed, SHA256), (Timed, {})],
    ids=["without a Timestamp", "SHA-1, which is zeep's default"],
)
async def test_zeep_is_told_why_not(gateway, pems, signature, options):
    with pytest.raises(zeep.exceptions.Fault) as refused:
        await describe(gateway, signature(*pems, **options))
    assert refused.value.code == "Client.AuthFailure"


def ec2(gateway, person, version, secret=None):
    return boto3.client(
        "ec2",
        endpoint_url=gateway,
        region_name="region-1",
        aws_access_key_id=person.access_key,
        aws_secret_access_key=secret or person.secret,
        config=Config(signature_version=version, retries={"total_max_attempts": 1}),
    )


@pytest.mark.parametrize("version", ["v4", "v2"])
async def test_boto3_is_answered(gateway, alice, version):
    answer = await asyncio.to_thread(ec2(gateway, alice, version).describe_regions, RegionNames=["north"])
    assert answer["Regions"] == [{"RegionName": "north", "Endpoint": "https://north.example/client/"}]


@pytest.mark.parametrize("version", ["v4", "v2"])
@pytest.mark.parametrize(("name", "secret"), [("alice", "wrong"), ("off", None)])
async def test_boto3_is_told_why_not(gateway, region, version, name, secret):
    with pytest.raises(ClientError) as refused:
        await asyncio.to_thread(ec2(gateway, region.people[name], version, secret).describe_regions)
    assert refused.value.response["Error"]["Code"] == "AuthFailure"


async def test_another_operation_is_not_the_gateways(gateway, alice):
    with pytest.raises(ClientError) as refused:
        await asyncio.to_thread(ec2(gateway, alice, "v4").describe_instances)
    assert refused.value.response["Error"]["Code"] == "InvalidAction"


def test_the_example_runs_by_one_command():
    ran = subprocess.run(
        [sys.executable, str(EXAMPLE / "demo.py"), "--once"],
        env={**os.environ, "AUTHSVC_AND": "what else is set for another"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert ran.returncode == 0, ran.stderr
    statuses = [line.split()[0] for line in ran.stdout.splitlines() if line[:1].isdigit()]
    assert statuses == ["201", "200", "500", "500", "200"]

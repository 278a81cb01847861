"""WSS4J, from which EC2's own command line tools were made, signs; authsvc and a second opinion verify."""

from __future__ import annotations

import base64
import subprocess
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12

from authsvc.cli.legacy import matched, read_entries, read_rows
from authsvc.errors import AuthError, NotSigned
from authsvc.model import Certificate
from authsvc.service.soap_policy import SoapPolicy
from authsvc.signing import wssecurity
from authsvc.signing.certificate import certified
from tests import soap
from tests.properties.second_opinion import second_opinion
from tests.standins import World

HERE = Path(__file__).parent
JARS = Path("/usr/share/java")
PASSWORD = "apache"
SHA1 = (soap.SIGNATURES["rsa-sha1"][0], soap.DIGESTS["sha1"])
SHA256 = (soap.SIGNATURES["rsa-sha256"][0], soap.DIGESTS["sha256"])
DIRECT, ISSUER_SERIAL, THUMBPRINT = "1", "2", "8"  # WSConstants' key identifiers

BODIES = {
    "default namespace": f'<DescribeInstances xmlns="{soap.EC2}"><instancesSet/></DescribeInstances>',
    "prefixed": f'<e:RunInstances xmlns:e="{soap.EC2}"><e:imageId>ami-1</e:imageId></e:RunInstances>',
    "CDATA": f'<RunInstances xmlns="{soap.EC2}"><userData><![CDATA[<&>]]></userData></RunInstances>',
    "carriage return": f'<RunInstances xmlns="{soap.EC2}"><a>x&#13;\ny</a></RunInstances>',
    "not ASCII": f'<CreateTags xmlns="{soap.EC2}"><key>Größe</key><value>漢字 𝄞</value></CreateTags>',
    "xsi:type": (
        f'<RunInstances xmlns="{soap.EC2}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        'xmlns:xsd="http://www.w3.org/2001/XMLSchema" xsi:type="xsd:string"/>'
    ),
}
FRAMES = {
    "prefixed": '<soapenv:Envelope xmlns:soapenv="{0}"><soapenv:Header>{2}</soapenv:Header><soapenv:Body>{1}</soapenv:Body></soapenv:Envelope>',
    "default": '<Envelope xmlns="{0}"><Header>{2}</Header><Body>{1}</Body></Envelope>',
}


@pytest.fixture(scope="module")
def wss4j(tmp_path_factory):
    """Compile the signer once; return what signs many envelopes at a time."""
    folder = tmp_path_factory.mktemp("wss4j")
    jars = [JARS / f"{name}.jar" for name in ("wss4j", "xmlsec", "slf4j-api", "commons-logging")]
    path = ":".join(str(each) for each in (folder, *jars) if Path(each).exists())
    subprocess.run(
        ["javac", "-cp", path, "-d", str(folder), str(HERE / "Sign.java")], check=True, capture_output=True
    )
    by = soap.signer()
    store = folder / "store.p12"
    store.write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"alice",
            by.key,
            x509.load_der_x509_certificate(by.der),
            None,
            BestAvailableEncryption(PASSWORD.encode()),
        )
    )

    def sign(*requests):
        lines = "".join(
            " ".join((*algorithms, options or "-", key, parts, base64.b64encode(envelope.encode()).decode()))
            + "\n"
            for algorithms, options, key, parts, envelope in requests
        )
        ran = subprocess.run(
            ["java", "-cp", path, "Sign", str(store), PASSWORD, "alice"],
            input=lines,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert ran.returncode == 0, ran.stderr
        return [base64.b64decode(line) for line in ran.stdout.splitlines()]

    return sign


def envelope(body, frame="prefixed", namespace=soap.SOAP11, header=""):
    return FRAMES[frame].format(namespace, body, header)


def test_every_shape_that_wss4j_makes_is_verified(wss4j):
    requests = [
        (algorithms, options, DIRECT, parts, envelope(body, frame, namespace, header))
        for algorithms in (SHA1, SHA256)
        for options in ("", "prefixes", "prefixes,must")
        for frame in FRAMES
        for namespace in (soap.SOAP11, soap.SOAP12)
        for body in BODIES.values()
        for header, parts in (
            ("", "Timestamp,Body"),
            ('<x:Extra xmlns:x="urn:x">1</x:Extra>', "Body,Extra,Timestamp"),
        )
    ]
    signed = wss4j(*requests)
    assert len(signed) == len(requests) == 288
    for raw in signed:
        claim = wssecurity.read(raw)
        wssecurity.prove(claim, soap.signer().der)
        body = second_opinion(raw, soap.signer().der)
        assert body in (None, claim.body)


async def test_the_whole_service_accepts_them(wss4j):
    world = World()
    world.soap = SoapPolicy(sha1=True)
    by = soap.signer()
    world.certificates._certificates[by.sha256] = Certificate(
        sha256=by.sha256, der=by.der, user_id="uuid-alice", created=0.0
    )
    for number, raw in enumerate(
        wss4j(
            *(
                (each, "prefixes", DIRECT, "Timestamp,Body", envelope(BODIES["prefixed"]))
                for each in (SHA1, SHA256)
            )
        )
    ):
        proven = await world.service.authenticate(raw, caller="gateway", request_id=str(number))
        assert proven.identity.principal.user.name == "alice"
        assert proven.valid_until <= time.time() + 300


@pytest.mark.parametrize(
    ("options", "key", "parts", "error"),
    [
        ("", DIRECT, "Body", NotSigned),
        ("", DIRECT, "Timestamp", NotSigned),
        ("untimed", DIRECT, "Body", NotSigned),
        ("", ISSUER_SERIAL, "Timestamp,Body", AuthError),
        ("", THUMBPRINT, "Timestamp,Body", AuthError),
    ],
)
def test_what_it_may_be_told_to_leave_out_is_refused(wss4j, options, key, parts, error):
    (raw,) = wss4j((SHA256, options, key, parts, envelope(BODIES["prefixed"])))
    with pytest.raises(error):
        wssecurity.read(raw)


def test_a_key_store_of_awsapis_is_listed_and_matched(tmp_path):
    """keytool makes the store awsapi kept (JKS, with small letters in its aliases) and prints it."""
    store = tmp_path / "xes.keystore"
    people = {"ABCdef-7HQ_x": soap.signer("alice"), "Zed": soap.signer("zed", number=1)}
    for key, by in people.items():
        pem = tmp_path / f"{by.sha256}.pem"
        pem.write_bytes(x509.load_der_x509_certificate(by.der).public_bytes(Encoding.PEM))
        keytool(store, "-importcert", "-noprompt", "-alias", key, "-file", str(pem))
    keytool(
        store,
        "-genkeypair",
        "-alias",
        "service",
        "-keyalg",
        "RSA",
        "-dname",
        "CN=service",
        "-keypass",
        PASSWORD,
    )
    listing = keytool(store, "-list", "-rfc")
    rows = "AccessKey\tCertUniqueId\n" + "".join(
        f"{key}\t{certified(by.der).legacy_id}\n" for key, by in people.items()
    )
    assert [found for _, found in matched(read_rows(rows), read_entries(listing))] == [
        by.der for by in people.values()
    ]


def keytool(store, *words):
    ran = subprocess.run(
        ["keytool", *words, "-keystore", str(store), "-storetype", "JKS", "-storepass", PASSWORD],
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    return ran.stdout

"""boto 2.49 signs: orders as JSON on standard input, signed requests on standard output, both as in `clients/js/sign.mjs`.

A program of its own, because the importer that this boto brings along breaks every other import under warnings as errors.
"""

from __future__ import annotations

import base64
import json
import sys
from urllib.parse import quote, urlsplit

import boto
from boto.ec2.connection import EC2Connection
from boto.s3.connection import OrdinaryCallingFormat, S3Connection


class Heard(Exception):
    """Carries the request that was about to be sent."""


def listening(connection):
    """Let a connection sign, and raise what it would send."""

    def hear(request, *_, **__):
        request.authorize(connection=connection)
        raise Heard(request)

    connection._mexe = hear
    return connection


def s3(order, version):
    if boto.config.has_section("s3"):
        boto.config.remove_section("s3")
    if version == 4:
        boto.config.add_section("s3")
        boto.config.set("s3", "use-sigv4", "True")
    connection = S3Connection(
        order["access_key"],
        order["secret_key"],
        host=plain_host(order),
        is_secure=False,
        calling_format=OrdinaryCallingFormat(),
        security_token=order["session_token"],
    )
    if version == 4:
        connection._auth_handler.region_name = order["region"]
    return listening(connection)


def plain_host(order):
    """Leave the port out: with one of its own, boto signs it twice in a row, and no server agrees."""
    return order["host"].partition(":")[0]


def host_of(request):
    """Name the host as http.client does, with a port that is not the usual one."""
    return request.host if request.port in {80, 443} else f"{request.host}:{request.port}"


def wire(request):
    headers = [[name, text(value)] for name, value in request.headers.items()]
    names = {name.lower() for name, _ in headers}
    if "host" not in names:
        headers.insert(0, ["Host", host_of(request)])
    body = request.body.encode() if isinstance(request.body, str) else request.body
    return {
        "method": request.method,
        "target": request.path,
        "headers": headers,
        "body": base64.b64encode(body or b"").decode(),
    }


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def query_of(order):
    return "&".join(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in order["query"]
    )


def s3_header(order, version):
    body = base64.b64decode(order["body"] or "")
    try:
        s3(order, version).make_request(
            order["method"],
            order["bucket"],
            order["key"],
            headers=dict(order["headers"]),
            data=body,
            query_args=query_of(order) or None,
        )
    except Heard as heard:
        return wire(heard.args[0])
    raise AssertionError("nothing was sent")


def s3_query(order, version):
    if order["query"] or order["headers"]:
        raise ValueError("it presigns keys alone here")
    url = s3(order, version).generate_url(
        order["expires"], order["method"], order["bucket"], order["key"], force_http=version == 2
    )
    parts = urlsplit(url)
    return {
        "method": order["method"],
        "target": f"{parts.path}?{parts.query}",
        "headers": [["Host", plain_host(order)]],
        "body": "",
    }


def ec2(order, capability):
    """Sign a Query API's call; boto chooses the handler by what the connection says it needs."""

    class Connection(EC2Connection):
        def _required_auth_capability(self):
            return [capability]

    host, _, port = order["host"].partition(":")
    connection = listening(
        Connection(
            order["access_key"],
            order["secret_key"],
            is_secure=False,
            host=host,
            port=int(port),
            region=boto.ec2.regioninfo.RegionInfo(name=order["region"], endpoint=host),
        )
    )
    if capability == "hmac-v4":
        connection._auth_handler.region_name, connection._auth_handler.service_name = order["region"], "ec2"
    try:
        connection.make_request(
            "DescribeInstances", dict(order["query"]), "/services/Cloud/", order["method"]
        )
    except Heard as heard:
        return wire(heard.args[0])
    raise AssertionError("nothing was sent")


CLIENTS = {
    "boto2-header": lambda order: s3_header(order, 4),
    "boto2-v2-header": lambda order: s3_header(order, 2),
    "boto2-v2-query": lambda order: s3_query(order, 2),
    "boto2-ec2-v2": lambda order: ec2(order, "ec2"),
    "boto2-ec2-v4": lambda order: ec2(order, "hmac-v4"),
}

if __name__ == "__main__":
    answers = []
    for order in json.load(sys.stdin):
        try:
            answers.append(CLIENTS[order["client"]](order))
        except Exception as error:
            answers.append({"error": f"{type(error).__name__}: {error}"})
    json.dump(answers, sys.stdout)

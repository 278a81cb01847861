"""What the callers file may say of a gateway."""

from __future__ import annotations

import pytest

from authsvc.faces.callers import Callers, token_digest
from authsvc.faces.forward_auth.options import GatewayOptions, options_of
from authsvc.faces.registry import OPTIONS
from authsvc.service.policy import Expectation

ENTRY = {"name": "proxy", "token_sha256": [token_digest("t")], "grants": ["verify"]}


def read(**tables):
    (caller,) = Callers.parse({"caller": [ENTRY | tables]}, OPTIONS).all
    return options_of(caller)


def test_a_table_becomes_options():
    table = {
        "headers": "forwarded",
        "style": "cloudstack",
        "expect": {"service": "s3", "region": "region-1"},
        "bucket_hosts": ["s3.region-1.example"],
    }
    assert read(forward_auth=table) == GatewayOptions(
        headers="forwarded",
        style="cloudstack",
        expect=Expectation(service="s3", region="region-1"),
        bucket_hosts=("s3.region-1.example",),
    )


@pytest.mark.parametrize("tables", [{}, {"forward_auth": {}}])
def test_nothing_need_be_said(tables):
    assert read(**tables) == GatewayOptions()


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"headers": "Original"}, "forward_auth: headers: Must be one of: original, forwarded."),
        ({"headers": ["original"]}, "forward_auth: headers: Not a valid string."),
        ({"style": "xml"}, "forward_auth: style: Must be one of: s3, ec2, cloudstack."),
        ({"expect": {"servcie": "s3"}}, "forward_auth: expect.servcie: Unknown field."),
        ({"expect": "s3"}, "forward_auth: expect: Invalid input type."),
        ({"expect": {"region": ""}}, "forward_auth: expect.region: Shorter than minimum length 1."),
        ({"header": "original"}, "forward_auth: header: Unknown field."),
        ({"bucket_hosts": ["S3.example"]}, "forward_auth: bucket_hosts.0: Not a host name in lower case."),
    ],
)
def test_a_problem_is_told_when_the_file_is_read(table, problem):
    with pytest.raises(ValueError, match="caller 1 ") as told:
        read(forward_auth=table)
    assert str(told.value) == f"caller 1 (proxy): {problem}"


def test_all_problems_of_a_file_are_told_together():
    table = {"headers": "x", "style": "y"}
    with pytest.raises(ValueError, match="caller 1") as told:
        Callers.parse(
            {"caller": [ENTRY | {"grants": [], "forward_auth": table, "forward-auth": {}}]}, OPTIONS
        )
    lines = str(told.value).splitlines()
    assert len(lines) == 4
    assert f"caller 1 (proxy): unknown table 'forward-auth'; there are: {', '.join(OPTIONS)}" in lines

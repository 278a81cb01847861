"""What reached authsvc, and authsvc started anew."""

from __future__ import annotations

import base64
import secrets
from collections import Counter

from tests.region import ask, await_that

S3TOKENS = "/v3/s3tokens"
OS_EC2 = "/v3/users/{user}/credentials/OS-EC2/{access}"
LOGIN = "/v3/auth/tokens"
MARK = "/v3/"  # nobody asks for this one


def mark(region):
    """Return how long authsvc's log is, once all that has happened so far stands in it."""

    def marks():
        return sum(line.get("route") == MARK for line in region.authsvc.lines())

    before = marks()
    ask(f"{region.authsvc.url}{MARK}")
    await_that(lambda: marks() > before, "the log to be written")
    return len(region.authsvc.lines())


def calls(region, since):
    """Count what reached authsvc since a mark."""
    until = mark(region)
    lines = [line for line in region.authsvc.lines()[since:until] if line.get("route", MARK) != MARK]
    return Counter((line["method"], line["route"], line["status"]) for line in lines)


def restart(region):
    assert region.authsvc.stop() == 0
    region.authsvc.start().await_ready()


def new_key():
    """Return a key for issued tokens."""
    return base64.b64encode(secrets.token_bytes(32)).decode()

"""The Keystone face's routes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from authsvc.faces.body import expect_later
from authsvc.faces.dialects import EC2TOKENS, KEYSTONE, KEYSTONE_SERVICE
from authsvc.faces.face import Face
from authsvc.faces.keystone.discovery import version, versions
from authsvc.faces.keystone.ec2tokens import ec2tokens
from authsvc.faces.keystone.exchange import Exchange
from authsvc.faces.keystone.logins import log_in, show_token
from authsvc.faces.keystone.s3tokens import s3tokens, s3tokens_v2
from authsvc.faces.keystone.service_tokens import ServiceTokens
from authsvc.faces.keystone.service_users import ServiceUsers
from authsvc.faces.keystone.user_secrets import secret_of_user

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authsvc.faces.callers import Callers
    from authsvc.faces.keystone.rules import Rules

SECRET = "/v3/users/{user}/credentials/OS-EC2/{access:.+}"  # noqa: S105 - a path
TOKENS = "/v3/auth/tokens"


def face(rules: Rules) -> Face:
    """Make the face under these rules."""
    return Face(name="keystone", routes=partial(routes, rules))


def routes(rules: Rules, callers: Callers) -> Sequence[web.RouteDef]:
    """List the routes for these callers.

    Raises:
        ValueError: A caller may log in and is not described well, or there are no keys for its tokens.
    """
    users = ServiceUsers(callers)
    tokens = ServiceTokens(rules.token_keys)
    if users.all and not tokens.usable:
        names = ", ".join(user.caller.name for user in users.all)
        raise ValueError(f"callers that log in with a password ({names}) need AUTHSVC_TOKEN_KEYS")
    exchange = Exchange(callers=callers, rules=rules, users=users, tokens=tokens)
    route, spoken = exchange.route, exchange.spoken
    return (
        route("POST", "/v3/s3tokens", s3tokens, grant="verify", dialect=KEYSTONE),
        route("POST", "/v2.0/s3tokens", s3tokens_v2, grant="verify", dialect=KEYSTONE),
        route("POST", "/v3/ec2tokens", ec2tokens, grant="verify", dialect=EC2TOKENS),
        route("GET", SECRET, secret_of_user, grant="secret", dialect=KEYSTONE_SERVICE),
        web.post(TOKENS, spoken(partial(log_in, exchange), KEYSTONE_SERVICE), expect_handler=expect_later),
        route("GET", TOKENS, show_token, grant="verify", dialect=KEYSTONE_SERVICE),
        web.get("/", spoken(partial(versions, exchange), KEYSTONE_SERVICE)),
        web.get("/v3", spoken(partial(version, exchange), KEYSTONE_SERVICE)),
        web.get("/v3/", spoken(partial(version, exchange), KEYSTONE_SERVICE)),
    )

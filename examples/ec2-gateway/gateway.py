"""A small EC2 gateway: takes SOAP and Query, lets authsvc say who signed, and answers DescribeRegions.

What a real gateway should take from it: the client's message is passed on byte for byte; what is executed is what
authsvc says was signed, never this program's own reading of the message; whatever is not a clear yes is a no.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import aiohttp
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

EC2 = "http://ec2.amazonaws.com/doc/2012-08-15/"
SOAP_TYPES = {"text/xml", "application/soap+xml"}
SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
FORM = "application/x-www-form-urlencoded"
AUTHSVC = web.AppKey("authsvc", aiohttp.ClientSession)


class Refused(Exception):
    """The client's request is not answered; told in the client's own words."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def make_gateway(authsvc: str, token: str) -> web.Application:
    """Build the gateway in front of the authsvc at this URL."""

    async def session(app: web.Application) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(
            authsvc, headers={"X-Auth-Token": token}, timeout=aiohttp.ClientTimeout(total=5)
        ) as opened:
            app[AUTHSVC] = opened
            yield

    app = web.Application(client_max_size=64 * 1024)
    app.cleanup_ctx.append(session)
    app.router.add_route("*", "/", handle)
    return app


async def handle(request: web.Request) -> web.Response:
    """Answer one call, SOAP or Query."""
    request_id = str(uuid.uuid4())
    if request.content_type in SOAP_TYPES:
        try:
            return await answer_soap(request, request_id)
        except Refused as refused:
            return soap_fault(refused)
    try:
        return await answer_query(request, request_id)
    except Refused as refused:
        return query_error(refused, request_id)


async def answer_soap(request: web.Request, request_id: str) -> web.Response:
    """Authenticate an envelope, and execute the Body that was signed."""
    headers = {"Content-Type": request.headers["Content-Type"], "X-Request-Id": request_id}
    if request.remote:
        headers["X-Client-Ip"] = request.remote
    answer = await ask(request, "/v1/ec2/soap/authenticate", data=await request.read(), headers=headers)
    # The canonical Body is the only reading of the message that is known to be the signer's.
    body = ET.fromstring(base64.b64decode(answer["message"]["body_c14n"]))
    operation = body[0]
    if operation.tag != f"{{{answer['message']['operation']['ns']}}}DescribeRegions":
        raise Refused(400, "Client.InvalidAction", "this gateway knows DescribeRegions alone")
    wanted = [item.text for item in operation.iterfind("{*}regionSet/{*}item/{*}regionName")]
    described = await describe_regions(request, wanted, request_id)
    envelope = f'<s:Envelope xmlns:s="{SOAP11}"><s:Body>{described}</s:Body></s:Envelope>'
    return web.Response(text=envelope, content_type="text/xml")


async def answer_query(request: web.Request, request_id: str) -> web.Response:
    """Authenticate a Query request, and execute the parameters that were signed."""
    parameters, described = await describe_query(request)
    await ask(
        request,
        "/v1/ec2/query/authenticate",
        json={"ec2Credentials": described},
        headers={"X-Request-Id": request_id},
    )
    if parameters.get("Action") != "DescribeRegions":
        raise Refused(400, "InvalidAction", "this gateway knows DescribeRegions alone")
    wanted = [value for name, value in parameters.items() if name.startswith("RegionName.")]
    return web.Response(text=await describe_regions(request, wanted, request_id), content_type="text/xml")


async def describe_query(request: web.Request) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the parameters, and the request as authsvc wants it described."""
    body = await request.read()
    query = once(parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True))
    form = once(parse_qsl(body.decode(), keep_blank_values=True)) if request.content_type == FORM else {}
    if query.keys() & form.keys():
        raise Refused(400, "InvalidParameterCombination", "a parameter is given twice")
    parameters = {**query, **form}
    described: dict[str, Any] = {
        "host": request.headers["Host"],
        "verb": request.method,
        "path": request.rel_url.raw_path,
        "headers": {"Host": request.headers["Host"]},
        "body_hash": hashlib.sha256(body).hexdigest(),
    }
    authorization = request.headers.get("Authorization")
    if authorization is None:  # Signature Version 2
        signed = {name: value for name, value in parameters.items() if name != "Signature"}
        access, signature = parameters.get("AWSAccessKeyId", ""), parameters.get("Signature", "")
    else:  # Version 4: the form is signed by its hash
        if form and query:
            raise Refused(400, "InvalidParameterCombination", "send parameters in the URL or in the body")
        signed = query
        access = authorization.partition("Credential=")[2].partition("/")[0]
        signature = authorization.rpartition("Signature=")[2]
        described["headers"] = once(request.headers.items())
    if not access or not signature:
        raise Refused(401, "AuthFailure", "the request is not signed")
    return parameters, {**described, "params": signed, "access": access, "signature": signature}


async def ask(request: web.Request, path: str, **options: Any) -> dict[str, Any]:
    """Ask authsvc; return its yes, and raise whatever else it says."""
    try:
        async with request.app[AUTHSVC].post(path, **options) as response:
            said = await response.json()
            if response.status == web.HTTPOk.status_code and said["authenticated"] is True:
                return said
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError):
        raise Refused(503, "Server.Unavailable", "authentication is unavailable; try again") from None
    fault = said.get("fault") or {"faultcode": "Server.Unavailable", "faultstring": "try again"}
    raise Refused(response.status, fault["faultcode"], fault["faultstring"])


async def describe_regions(request: web.Request, wanted: Iterable[str | None], request_id: str) -> str:
    """Describe the regions of the registry as EC2 does."""
    try:
        async with request.app[AUTHSVC].get("/v1/regions") as response:
            response.raise_for_status()
            regions = (await response.json())["regions"]
    except (aiohttp.ClientError, TimeoutError):
        raise Refused(503, "Server.Unavailable", "the regions are unavailable; try again") from None
    names = set(wanted)
    items = "".join(
        f"<item><regionName>{escape(region['name'])}</regionName>"
        f"<regionEndpoint>{escape(region['endpoint'])}</regionEndpoint></item>"
        for region in regions
        if not names or region["name"] in names
    )
    return (
        f'<DescribeRegionsResponse xmlns="{EC2}"><requestId>{request_id}</requestId>'
        f"<regionInfo>{items}</regionInfo></DescribeRegionsResponse>"
    )


def once(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the pairs by name; which of two is meant would be a guess."""
    given = list(pairs)
    named: Mapping[str, str] = dict(given)
    if len(named) != len(given):
        raise Refused(400, "InvalidParameterCombination", "a parameter or header is given twice")
    return dict(named)


def soap_fault(refused: Refused) -> web.Response:
    """Say no as SOAP 1.1 does."""
    fault = (
        f'<s:Envelope xmlns:s="{SOAP11}"><s:Body><s:Fault><faultcode>{escape(refused.code)}</faultcode>'
        f"<faultstring>{escape(refused.message)}</faultstring></s:Fault></s:Body></s:Envelope>"
    )
    return web.Response(text=fault, status=500, content_type="text/xml")


def query_error(refused: Refused, request_id: str) -> web.Response:
    """Say no as EC2 Query does."""
    code = refused.code.removeprefix("Client.").removeprefix("Server.")
    error = (
        f"<Response><Errors><Error><Code>{escape(code)}</Code><Message>{escape(refused.message)}</Message></Error>"
        f"</Errors><RequestID>{request_id}</RequestID></Response>"
    )
    return web.Response(text=error, status=refused.status, content_type="text/xml")


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--authsvc", default="http://127.0.0.1:8180", help="where authsvc is")
    parser.add_argument(
        "--token-file", type=Path, required=True, help="a caller token with grants verify, regions"
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8788)
    given = parser.parse_args()
    gateway = make_gateway(given.authsvc, given.token_file.read_text(encoding="utf-8").strip())
    web.run_app(gateway, host=given.host, port=given.port)


if __name__ == "__main__":
    main()

"""A page to read the OpenAPI document by: one file, no script, nothing fetched from anywhere."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8886; --soft: #8882; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.2; }
h2 { border-top: 1px solid var(--line); padding-top: 1.5rem; }
code { font: 0.9em ui-monospace, monospace; background: var(--soft); padding: 0.1em 0.3em; border-radius: 3px; }
h2 code { background: none; padding: 0; }
table { border-collapse: collapse; width: 100%; margin: 0.5rem 0 1rem; }
th, td { text-align: left; vertical-align: top; padding: 0.3rem 0.6rem; border-bottom: 1px solid var(--line); }
nav li { list-style: none; } nav ul { padding: 0; }
"""

_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def page(document: Mapping[str, Any]) -> str:
    """Write the document as HTML."""
    info = document["info"]
    schemas = document["components"]["schemas"]
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(info['title'])}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>",
            f"<p>{_prose(info['summary'])} {_prose(info['description'])}</p>",
            *_callers(document),
            *_contents(document),
            *(line for path, item in document["paths"].items() for line in _operations(path, item)),
            *(line for name, schema in schemas.items() for line in _schema(name, schema)),
            '<p><a href="/openapi.json">/openapi.json</a></p></body></html>',
        )
    )


def _callers(document: Mapping[str, Any]) -> Iterator[str]:
    yield "<table><tr><th>A caller is known by</th><th></th></tr>"
    for scheme in document["components"]["securitySchemes"].values():
        kind = scheme.get("name") or {"bearer": "Authorization: Bearer"}.get(scheme.get("scheme"), "TLS")
        yield _row(f"<code>{escape(kind)}</code>", _prose(scheme["description"]))
    yield "</table>"


def _contents(document: Mapping[str, Any]) -> Iterator[str]:
    yield "<nav><ul>"
    for path, item in document["paths"].items():
        for method, operation in item.items():
            link = f'<a href="#{escape(operation["operationId"])}"><code>{method.upper()} {escape(path)}</code></a>'
            yield f"<li>{link} {_prose(operation['summary'])}</li>"
    yield "</ul></nav>"


def _operations(path: str, item: Mapping[str, Any]) -> Iterator[str]:
    for method, operation in item.items():
        yield f'<h2 id="{escape(operation["operationId"])}"><code>{method.upper()} {escape(path)}</code></h2>'
        yield f"<p>{_prose(operation['summary'])} {_prose(operation.get('description', ''))}</p>"
        if "requestBody" in operation:
            yield f"<p>Takes {_body(operation['requestBody'])}</p>"
        yield "<table><tr><th>Status</th><th>Meaning</th><th>Body</th></tr>"
        for status, response in operation["responses"].items():
            yield _row(f"<code>{status}</code>", _prose(response["description"]), _body(response))
        yield "</table>"


def _schema(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f'<h3 id="{escape(name)}">{escape(name)}</h3>'
    yield "<table><tr><th>Field</th><th>Type</th><th></th></tr>"
    for field, of in schema["properties"].items():
        must = " (required)" if field in schema.get("required", ()) else ""
        yield _row(f"<code>{escape(field)}</code>{must}", _type(of), _prose(of.get("description", "")))
    yield "</table>"


def _type(schema: Mapping[str, Any]) -> str:
    """Name a schema's type, with a link where it is described further down."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    for several in ("oneOf", "anyOf", "allOf"):
        if several in schema:
            return " or ".join(_type(one) for one in schema[several])
    if "enum" in schema:
        return " ".join(f"<code>{escape(str(one))}</code>" for one in schema["enum"])
    kinds = schema.get("type", "any")
    text = " or ".join([kinds] if isinstance(kinds, str) else kinds)
    return f"{text} of {_type(schema['items'])}" if "items" in schema else escape(text)


def _body(carrier: Mapping[str, Any]) -> str:
    return " ".join(
        f"{_type(content['schema'])} <code>{escape(media_type)}</code>"
        for media_type, content in carrier.get("content", {}).items()
    )


def _row(*cells: str) -> str:
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _prose(text: str) -> str:
    """Escape the text, then set what stands between backquotes as code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts))

"""The native face's OpenAPI document, to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authsvc.faces.face import JSON
from authsvc.faces.native.openapi import document

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def interface() -> str:
    """Write every operation and every schema."""
    described = document()
    lines: list[str] = []
    for path, item in described["paths"].items():
        for method, operation in item.items():
            lines += _operation(method, path, operation)
    lines.append("## Schemas\n")
    for name, schema in described["components"]["schemas"].items():
        lines += _schema(name, schema)
    return "\n".join(lines)


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"## `{method.upper()} {path}`\n"
    yield f"{operation['summary']} {operation.get('description', '')}\n"
    if "requestBody" in operation:
        yield f"Takes {_body(operation['requestBody'])}\n"
    yield "| status | meaning | body |\n|---|---|---|"
    for status, response in operation["responses"].items():
        yield f"| {status} | {response['description']} | {_body(response)} |"
    yield ""


def _schema(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {name}\n"
    yield "| field | type | meaning |\n|---|---|---|"
    for field, of in schema.get("properties", {}).items():
        must = ", required" if field in schema.get("required", ()) else ""
        yield f"| `{field}` | {_type(of)}{must} | {of.get('description', '')} |"
    yield ""


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for several in ("oneOf", "anyOf", "allOf"):
        if several in schema:
            return " or ".join(_type(one) for one in schema[several])
    if "enum" in schema:
        return " ".join(f"`{one}`" for one in schema["enum"])
    kinds = schema.get("type", "any")
    text = kinds if isinstance(kinds, str) else " or ".join(kinds)
    return f"{text} of {_type(schema['items'])}" if "items" in schema else text


def _body(carrier: Mapping[str, Any]) -> str:
    return " ".join(
        _type(content["schema"]) + ("" if kind == JSON else f" (`{kind}`)")
        for kind, content in carrier.get("content", {}).items()
    )

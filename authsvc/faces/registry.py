"""The dialects, listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsvc.faces import cloudstack, keystone, native

if TYPE_CHECKING:
    from authsvc.faces.face import Face


def faces(*, keystone_rules: keystone.Rules) -> tuple[Face, ...]:
    """List every face; those that leave the operator a choice under the rules chosen."""
    return (native.FACE, cloudstack.FACE, keystone.face(keystone_rules))

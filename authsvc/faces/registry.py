"""The dialects, listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authsvc.faces import cloudstack, ec2, ext_authz, forward_auth, keystone, minio, native, scality, vault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authsvc.faces.callers import ReadOptions
    from authsvc.faces.face import Face


def faces(*, keystone_rules: keystone.Rules) -> tuple[Face, ...]:
    """List every face; those that leave the operator a choice under the rules chosen."""
    return (
        native.FACE,
        cloudstack.FACE,
        keystone.face(keystone_rules),
        forward_auth.FACE,
        ext_authz.FACE,
        scality.FACE,
        vault.FACE,
        minio.FACE,
        ec2.FACE,
    )


OPTIONS: Final[Mapping[str, ReadOptions]] = {
    "forward_auth": forward_auth.read_options,
    "keystone": dict,  # read when the face lists its routes
    "minio": minio.read_options,
    "vault": vault.read_options,
}
"""Who reads which table of a caller's entry in the callers file."""

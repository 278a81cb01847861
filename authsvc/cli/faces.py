"""The faces the settings ask for, under the rules the settings give."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from authsvc.faces import keystone
from authsvc.faces.registry import faces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authsvc.faces.face import Face
    from authsvc.settings import Settings


def chosen_faces(settings: Settings) -> Sequence[Face]:
    """List the faces that are switched on."""
    return [face for face in faces(keystone_rules=keystone_rules(settings)) if face.name in settings.faces]


def keystone_rules(settings: Settings) -> keystone.Rules:
    """Turn settings into rules."""
    return keystone.Rules(
        url=settings.keystone_url,
        lifetime=settings.keystone_lifetime,
        patience=settings.keystone_patience,
        token_lifetime=settings.keystone_token_lifetime,
        token_keys=tuple(base64.b64decode(key.reveal()) for key in settings.token_keys),
        dashes=settings.keystone_dashes,
        user_roles=settings.keystone_user_roles,
        domain_admin_roles=settings.keystone_domain_admin_roles,
        admin_roles=settings.keystone_admin_roles,
    )

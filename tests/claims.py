"""How a scheme takes a request, for the tests of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authsvc import signing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authsvc.errors import AuthError
    from authsvc.signing import Scheme, SignedRequest


def refused(schemes: Sequence[Scheme], request: SignedRequest, kind: type[AuthError]) -> AuthError:
    """Return the error by which the request is refused, which is of this very kind."""
    with pytest.raises(kind) as caught:
        signing.read(schemes, request)
    assert type(caught.value) is kind
    return caught.value

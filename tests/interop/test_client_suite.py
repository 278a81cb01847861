"""The suite of an S3 client, against Swift: the same that goes through the gateways."""

from __future__ import annotations

import pytest

from tests.s3_site import Site
from tests.s3_suite import *  # noqa: F403


@pytest.fixture
def site(by_token, region):
    """Swift reads every status but 200 as a bad signature, and has no name for another's bucket."""
    refused = dict.fromkeys(("wrong secret", "unknown key", "switched off"), "SignatureDoesNotMatch")
    return Site(url=by_token.url, region=region, codes=refused | {"somebody else's bucket": "NoSuchBucket"})

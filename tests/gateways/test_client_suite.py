"""The suite of an S3 client, through each gateway."""

from __future__ import annotations

from tests.s3_suite import *  # noqa: F403

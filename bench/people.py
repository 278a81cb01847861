"""Somebody to ask about, where no database is."""

from __future__ import annotations

from authsvc.model import (
    AccessKey,
    Account,
    AccountType,
    Credential,
    Domain,
    Freshness,
    KeyPair,
    Principal,
    Secret,
    State,
    User,
)

ACCESS_KEY, SECRET = AccessKey("bench-" + "a" * 80), Secret("bench-" + "s" * 80)


def somebody(access_key: AccessKey = ACCESS_KEY) -> Credential:
    """Make a credential, its ids as CloudStack makes them."""
    return Credential(
        access_key=access_key,
        verifier=SECRET,
        principal=Principal(
            user=User(
                id="3f2504e0-4f89-11d3-9a0c-0305e82c3301",
                name="somebody",
                state=State.ENABLED,
                email="somebody@example.com",
            ),
            account=Account(
                id="7c9e6679-7425-40de-944b-e07fc1f90ae7",
                name="acme",
                type=AccountType.NORMAL,
                state=State.ENABLED,
            ),
            domain=Domain(id="16fd2706-8baf-433b-82eb-8c7fada847da", name="ROOT", path="/"),
            key=KeyPair(),
        ),
        freshness=Freshness(as_of=0.0, source="database"),
    )

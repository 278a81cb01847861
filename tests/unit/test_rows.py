"""Rows to credentials: the table of what opens, what does not, and what cannot be told."""

from datetime import datetime

import pytest

from authsvc import errors
from authsvc.directory.cipher import SecretCipher
from authsvc.directory.rows import credential
from authsvc.model import AccessKey, AccountType, State
from tests.people import NOW

PAIR = {"pair_uuid": "pair", "pair_account": 3, "pair_removed": None, "pair_restricted": 0}
REMOVED = {"pair_removed": datetime(2026, 1, 1)}


def row(**changes):
    return {
        "api_key": "AK",
        "secret_key": "a secret",
        "pair_uuid": None,
        "user_id": 2,
        "user_uuid": "u-2",
        "user_username": "alice",
        "user_account_id": 3,
        "user_state": "enabled",
        "account_id": 3,
        "account_uuid": "a-3",
        "account_account_name": "acme",
        "account_type": 0,
        "account_state": "enabled",
        "domain_id": 1,
        "domain_uuid": "d-1",
        "domain_name": "ROOT",
        "domain_path": "/",
        "domain_state": "Active",
        **changes,
    }


def pair(**changes):
    return row(**PAIR | changes)


def read(*rows):
    return credential(rows, access_key=AccessKey("AK"), cipher=SecretCipher([]), as_of=NOW)


@pytest.mark.parametrize(
    ("rows", "outcome"),
    [
        ([], None),
        ([row(api_key="ak")], None),
        ([row(api_key="AK ")], None),
        ([row(api_key="ak"), row()], "opens"),
        ([row(secret_key=None)], None),
        ([row(secret_key="")], None),
        ([row(), row(user_id=4)], "ambiguous"),
        ([row(), row()], "opens"),
        ([row(), row(secret_key="another")], "ambiguous"),
        ([row(), row(user_id=4, secret_key=None)], "ambiguous"),
        ([row(secret_key=None), row(user_id=4)], None),
        ([pair()], "opens"),
        ([pair(**REMOVED)], None),
        ([pair(**REMOVED), pair()], "opens"),
        ([pair(), pair(pair_uuid="twin")], "ambiguous"),
        ([pair(pair_account=5)], "ambiguous"),
        ([pair(secret_key="")], None),
        ([pair(), row()], "opens"),
        ([pair(), row(secret_key=None)], "opens"),
        ([pair(), row(secret_key="another")], "ambiguous"),
        ([pair(), row(user_id=4)], "ambiguous"),
        ([pair(), row(user_id=4, secret_key=None)], "ambiguous"),
        ([pair(secret_key=""), row()], None),
        ([pair(**REMOVED), row()], None),
        ([pair(secret_key="", **REMOVED), row()], None),
        ([pair(api_key="ak", **REMOVED), row()], "opens"),
    ],
)
def test_what_opens(rows, outcome):
    found = read(*rows)
    assert (None if found is None else "ambiguous" if found.ambiguous else "opens") == outcome


def test_a_pair_goes_before_the_users_column():
    assert read(row(), pair()).principal.key.id == "pair"


@pytest.mark.parametrize("column", ["pair_start", "pair_end"])
def test_a_date_that_bounds_and_cannot_be_read_is_neither_yes_nor_no(column):
    with pytest.raises(errors.DirectoryUnavailable):
        read(pair(**{column: "0000-00-00 00:00:00"}))


def test_a_date_that_only_informs_may_be_unreadable():
    assert read(row(user_created="0000-00-00 00:00:00")).principal.user.created is None
    assert read(row(user_created=datetime(2026, 1, 1))).principal.user.created == 1767225600.0


@pytest.mark.parametrize(
    ("stored", "state"),
    [
        ("enabled", State.ENABLED),
        ("ENABLED", State.ENABLED),
        (" Locked ", State.LOCKED),
        ("disabled", State.DISABLED),
        ("weird", State.DISABLED),
        ("", State.DISABLED),
        (None, State.DISABLED),
    ],
)
def test_states(stored, state):
    principal = read(row(user_state=stored, account_state=stored)).principal
    assert (principal.user.state, principal.account.state) == (state, state)


@pytest.mark.parametrize(
    ("stored", "active"),
    [("Active", True), ("ACTIVE  ", True), ("Inactive", False), ("", False), (None, False)],
)
def test_domains(stored, active):
    assert read(row(domain_state=stored)).principal.domain.active is active


@pytest.mark.parametrize(
    ("stored", "kind"),
    [
        (0, AccountType.NORMAL),
        (1, AccountType.ADMIN),
        (5, AccountType.PROJECT),
        (77, AccountType.UNKNOWN),
        (None, AccountType.UNKNOWN),
    ],
)
def test_types(stored, kind):
    assert read(row(account_type=stored)).principal.account.type is kind


@pytest.mark.parametrize("setting", ["false", "FALSE", "no", "", "0", "1", "yes"])
def test_a_setting_other_than_true_refuses(setting):
    assert not read(row(domain_access=setting)).principal.key.allowed
    assert not read(row(global_access=setting)).principal.key.allowed


def test_rules_restrict_and_cannot_be_overlooked():
    assert read(pair(pair_restricted=1)).principal.key.restricted
    assert not read(pair()).principal.key.restricted

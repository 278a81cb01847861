"""What rows and statements of a binary log say about whom; and where in a log its reader is."""

from __future__ import annotations

import socket
import types

import pytest
from pymysql.err import OperationalError
from pymysqlreplication.event import HeartbeatLogEvent, MariadbGtidEvent

from authsvc.directory import select
from authsvc.directory.tables import CLOUD
from authsvc.errors import ChangesUnavailable
from authsvc.stream.binlog import _is_read_up
from authsvc.stream.position import DOUBTS, Position
from authsvc.stream.rows import NAMES, SETTINGS, TABLES, Image, about, changed_by, layouts
from authsvc.stream.source import SILENCE, Source, meaning

LAYOUTS = layouts(
    [
        *(("user", name, number) for number, name in enumerate(("id", "uuid", "note", "API_KEY"), 1)),
        *(("account", name, number) for number, name in enumerate(("id", "uuid"), 1)),
        *(("configuration", name, number) for number, name in enumerate(("name", "value"), 1)),
        *(("domain", name, number) for number, name in ((1, "id"), (3, "uuid"))),
        ("alert", "id", 1),
    ]
)
ALL = b"\xff"


def image(*values, logged=ALL):
    return Image(values=values, logged=logged)


def changed(table, *images):
    return changed_by(table, images, LAYOUTS.get(table))


# --- Rows --------------------------------------------------------------------------------------------------


def test_every_table_that_answers_rest_on_is_watched():
    assert set(CLOUD.tables) == TABLES


def test_every_setting_that_answers_rest_on_is_watched():
    assert {select._ACCESS, select._FOR_CHILDREN} == SETTINGS


def test_every_column_that_is_looked_for_is_one_that_is_read():
    assert all(set(columns) <= set(CLOUD.tables[table].c.keys()) for table, columns in NAMES.items())


def test_a_row_is_about_its_names_before_and_after():
    before, after = image(1, "u", "x", None), image(1, b"u", "y", "key")
    assert changed("user", before) == {"u"}
    assert changed("user", before, after) == {"u", "key"}
    assert changed("account", image(1, "a"), image(2, "b")) == {"a", "b"}


def test_columns_are_found_where_they_are_not_by_how_many_names_are_known():
    assert changed("user", image("not", "u", "me", "key")) == {"u", "key"}


@pytest.mark.parametrize(
    "row",
    [
        image(1, "u", "x"),  # another table by now
        image(1, "u", "x", "key", "more"),
        image(1, None, "x", "key"),  # somebody without a name
        image(1, 7, "x", "key"),
        image(1, "u", "x", None, logged=b"\x07"),  # not NULL: not logged
        image(1, None, "x", None, logged=b"\x01"),
    ],
)
def test_a_row_that_does_not_say_whom_it_is_about_is_about_everybody(row):
    assert changed("user", row) is None
    assert changed("user", image(1, "u", "x", "key"), row) is None


def test_a_column_beyond_the_eighth_has_its_own_bit():
    (layout,) = layouts(
        ("account", name, number) for number, name in enumerate([*"abcdefghi", "uuid"], 1)
    ).values()
    row = (*range(9), "u")
    assert changed_by("account", [image(*row, logged=b"\xff\x02")], layout) == {"u"}
    assert changed_by("account", [image(*row, logged=b"\xff\x01")], layout) is None


@pytest.mark.parametrize(
    "table", ["roles", "version", "domain_details", "api_keypair_permissions", "keypair_permissions"]
)
def test_a_row_of_such_a_table_is_about_everybody(table):
    assert changed(table, image(1, "u")) is None


def test_a_table_that_cannot_be_seen_whole_is_about_everybody():
    assert "domain" not in LAYOUTS
    assert changed("domain", image(1, "x", "uuid")) is None
    assert changed("api_keypair", image(1, "key")) is None


def test_of_the_settings_two_are_about_everybody_and_the_others_about_nobody():
    assert changed("configuration", image("alert.wait", "1"), image("alert.wait", "2")) == frozenset()
    assert changed("configuration", image("x", "1"), image("api.key.access", "false")) is None
    assert changed("configuration", image(None, "1")) is None


# --- Statements --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE user ADD COLUMN x int",
        "alter table `User` add column x int",
        "DROP TABLE `cl-oud`.`x`",
        "TRUNCATE domain_details",
        "RENAME TABLE a TO account",
        "UPDATE v SET x = 1",
        "/* from a job */ INSERT INTO v VALUES (1)",
        "  DELETE FROM v",
        "REPLACE INTO v VALUES (1)",
        "LOAD DATA INFILE 'x' INTO TABLE v",
        "XA COMMIT 'x'",
    ],
)
def test_a_statement_that_may_be_about_our_tables(statement):
    assert about("cl-oud").search(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT a",
        "XA START 'x'",
        "XA END 'x'",
        "XA PREPARE 'x'",
        "CREATE OR REPLACE TABLE other.users (id int, updated int)",
        "ALTER TABLE other.user_vm ADD CONSTRAINT FOREIGN KEY (a) REFERENCES b (a) ON DELETE CASCADE",
        "DROP DATABASE cl_oud",
        "CREATE TABLE other.cl-oudy (id int)",
        "FLUSH TABLES",
    ],
)
def test_a_statement_that_cannot_be(statement):
    assert not about("cl-oud").search(statement)


# --- Where the reader is -----------------------------------------------------------------------------------


class Cursor:
    """A server's answers."""

    def __init__(self, **row):
        self.row = row

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def cursor(self):
        return self

    def execute(self, statement):
        pass

    def fetchone(self):
        return self.row


def event(kind, **values):
    made = object.__new__(kind)
    vars(made).update(values)
    return made


def heartbeat(file="", place=0):
    return event(HeartbeatLogEvent, ident=file, packet=types.SimpleNamespace(log_pos=place))


def position(**start):
    return Position(Source(database="cloud", start=start, layouts={}, variables={}))


def test_a_heartbeat_counts_where_the_server_has_logged_no_more_than_was_seen():
    reader = position(auto_position="0-1-42,1-2-7")
    assert reader.is_told(Cursor(unlogged="", logged="1-2-7,0-1-42"), heartbeat())
    assert not reader.is_told(Cursor(unlogged="", logged="0-1-43,1-2-7"), heartbeat())
    reader.saw(event(MariadbGtidEvent, domain_id=0, gtid="0-1-43"))
    assert reader.is_told(Cursor(unlogged="", logged="0-1-43,1-2-7"), heartbeat())
    assert not reader.is_told(Cursor(unlogged="", logged=""), heartbeat())


def test_a_heartbeat_of_a_server_that_has_become_a_replica_counts_for_nothing():
    reader = position(auto_position="0-1-42")
    assert not reader.is_told(Cursor(unlogged="0-2-43", logged="0-1-42"), heartbeat())


def test_an_empty_log_is_seen_whole():
    assert position(auto_position="").is_told(Cursor(unlogged="", logged=""), heartbeat())


def test_whatever_is_no_heartbeat_counts():
    reader = position(auto_position="")
    assert reader.is_told(
        Cursor(unlogged="", logged="0-1-1"), event(MariadbGtidEvent, domain_id=0, gtid="0-1-1")
    )


def test_heartbeats_that_go_on_to_say_other_than_the_server_are_its_end():
    reader, logged = position(auto_position="0-1-42"), Cursor(unlogged="", logged="0-1-1")
    for _ in range(DOUBTS - 1):
        assert not reader.is_told(logged, heartbeat())
    with pytest.raises(ChangesUnavailable, match="anew"):
        reader.is_told(logged, heartbeat())


def test_one_that_is_told_of_anything_in_between_is_not_at_its_end():
    reader, logged = position(auto_position="0-1-42"), Cursor(unlogged="", logged="0-1-1000")
    for number in range(43, 43 + 3 * DOUBTS):
        assert not reader.is_told(logged, heartbeat())
        reader.saw(event(MariadbGtidEvent, domain_id=0, gtid=f"0-1-{number}"))


@pytest.mark.parametrize(
    ("sent", "logged", "told"),
    [
        (("bin.000002", 500), ("bin.000002", 500), True),
        (("bin.000002", 500), ("bin.000002", 900), True),
        (("bin.000002", 500), ("bin.000003", 4), True),
        (("bin.999999", 500), ("bin.1000000", 4), True),
        (("bin.000002", 500), ("bin.000002", 157), False),
        (("bin.000002", 500), ("bin.000001", 900), False),
    ],
)
def test_a_log_of_files_may_be_ahead_and_not_behind(sent, logged, told):
    reader = position(log_file="bin.000001", log_pos=4)
    assert reader.is_told(Cursor(File=logged[0], Position=logged[1]), heartbeat(*sent)) is told


def test_what_has_arrived_and_is_not_read_shows():
    ours, theirs = socket.socketpair()
    with ours, theirs, ours.makefile("rb") as stream:
        connection = types.SimpleNamespace(_sock=ours, _rfile=stream)
        assert _is_read_up(connection)
        theirs.sendall(b"12")
        assert not _is_read_up(connection)
        assert stream.read(1) == b"1"
        assert not _is_read_up(connection)
        assert stream.read(1) == b"2"
        assert _is_read_up(connection)
        assert ours.gettimeout() == SILENCE


# --- What is said of trouble -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OperationalError(1045, "Access denied for user 'hush'@'hush'"), "wrong user or password"),
        (OperationalError(1049, "Unknown database 'hush'"), "OperationalError 1049"),
        (ConnectionRefusedError(111, "hush"), "ConnectionRefusedError 111"),
        (UnicodeDecodeError("utf-8", b"hush", 0, 1, "hush"), "UnicodeDecodeError"),
        (ChangesUnavailable("a reason"), "a reason"),
        (ValueError("hush"), "ValueError"),
    ],
)
def test_trouble_has_a_name_and_no_more(error, said):
    assert meaning(error) == said

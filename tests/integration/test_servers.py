"""The test servers themselves: what a fault test does to them must be true."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pymysql
import pytest
import redis

from tests.processes import UNPACKED, ServerFailed, ServerMissing, find_program, free_port
from tests.servers import MariaDB, Redis

ROOT = Path(__file__).parents[2]


def reader(mariadb, **options):
    mariadb.add_user("reader", "p%'w@:/", "SELECT ON `mysql`.`user`")
    return pymysql.connect(
        host=mariadb.host, port=mariadb.port, user="reader", password="p%'w@:/", read_timeout=0.2, **options
    )


def test_an_added_user_may_do_what_was_granted_and_no_more(mariadb):
    with reader(mariadb) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM mysql.user")
        assert cursor.fetchone()[0] >= 2
        with pytest.raises(pymysql.err.OperationalError, match="denied"):
            cursor.execute("SELECT count(*) FROM mysql.global_priv")


def test_root_is_not_admitted_over_tcp(mariadb):
    with pytest.raises(pymysql.err.OperationalError, match=r"Access denied|not allowed to connect"):
        pymysql.connect(host=mariadb.host, port=mariadb.port, user="root")


def test_addresses(mariadb, redis_server):
    assert mariadb.url("a b", "p@:/", "cloud") == f"mysql://a%20b:p%40%3A%2F@127.0.0.1:{mariadb.port}/cloud"
    assert mariadb.url("u", "p", "cloud", port=1, ssl="x y").endswith("@127.0.0.1:1/cloud?ssl=x%20y")
    assert redis_server.url() == f"redis://127.0.0.1:{redis_server.port}/0"
    assert redis.Redis.from_url(redis_server.url(3)).ping()


def test_paused_is_silent_and_resumed_answers(mariadb):
    with reader(mariadb) as connection, connection.cursor() as cursor:
        mariadb.pause()
        with pytest.raises(pymysql.err.OperationalError, match="timed out"):
            cursor.execute("SELECT 1")
        mariadb.resume()
    assert mariadb.execute("SELECT 1") == ((1,),)


def test_killed_is_gone_and_keeps_its_port_and_rows(mariadb):
    mariadb.execute("CREATE OR REPLACE DATABASE kept")
    port = mariadb.port
    mariadb.kill()
    with pytest.raises(ConnectionRefusedError):
        mariadb.execute("SELECT 1")
    mariadb.restart()
    assert mariadb.port == port
    assert mariadb.execute("SHOW DATABASES LIKE 'kept'") == (("kept",),)


@pytest.mark.parametrize("harm", ["pause", "kill", "stop"])
def test_mend_undoes_what_a_test_did(mariadb, redis_server, harm):
    for server, question in ((mariadb, "SELECT 1"), (redis_server, "PING")):
        getattr(server, harm)()
        server.mend()
        assert server.execute(question) in {((1,),), True}


def test_redis_paused_and_killed(redis_server):
    with redis.Redis(port=redis_server.port, socket_timeout=0.2, retry=None) as client:
        assert client.set("kept", "no")
        redis_server.pause()
        with pytest.raises(redis.TimeoutError):
            client.get("kept")
        redis_server.resume()
    redis_server.kill()
    redis_server.restart()
    assert redis_server.execute("GET", "kept") is None


def test_redis_takes_a_password_and_options():
    with Redis(password="p@ss", options=["--maxmemory", "1mb"]) as server:
        assert server.execute("CONFIG", "GET", "maxmemory") == {b"maxmemory": b"1048576"}
        assert redis.Redis.from_url(server.url()).ping()
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=server.port, retry=None).ping()


def test_tls_is_spoken_where_there_is_a_certificate(tls_mariadb, mariadb, authority, tmp_path):
    files = authority.client("reader.example").write(tmp_path, "client")
    with reader(tls_mariadb, ssl=files.client_context()) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW STATUS LIKE 'Ssl_version'")
        assert cursor.fetchone()[1] == "TLSv1.3"
    with pytest.raises(pymysql.err.OperationalError, match="SSL"):
        reader(mariadb, ssl=files.client_context())


def test_a_user_may_have_to_show_a_certificate(tls_mariadb, authority, tmp_path):
    tls_mariadb.add_user("shown", "p", require="X509")
    login = {"host": tls_mariadb.host, "port": tls_mariadb.port, "user": "shown", "password": "p"}
    files = authority.client("reader.example").write(tmp_path, "client")
    pymysql.connect(**login, ssl=files.client_context()).close()
    with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
        pymysql.connect(**login, ssl={"ca": str(files.authority)})


def test_servers_are_not_root(mariadb, redis_server):
    for server in (mariadb, redis_server):
        assert Path(f"/proc/{server.pid}").stat().st_uid != 0 or os.geteuid() != 0


def test_a_server_that_cannot_start_says_why_and_leaves_nothing(installed_datadir):
    server = MariaDB(installed_datadir, options=["--no-such-option"])
    with pytest.raises(ServerFailed, match="no-such-option"), server:
        pass
    assert not server.process.folder.exists()


def test_a_missing_server_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv(UNPACKED, str(tmp_path))
    with pytest.raises(ServerMissing, match=r"\./tests/run"):
        find_program("mariadbd")


def test_ports_come_from_below_the_outgoing_range():
    assert all(15000 <= free_port() < 32000 for _ in range(20))


def test_a_killed_test_run_takes_its_servers_along():
    code = (
        "import time; from tests.servers import Redis; server = Redis().__enter__();"
        "print(server.pid, server.process.folder, flush=True); time.sleep(60)"
    )
    run = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    pid, folder = run.stdout.readline().split()
    assert Path(folder).exists()
    run.send_signal(signal.SIGKILL)
    run.communicate()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() or Path(folder).exists():
        assert time.monotonic() < deadline, "it outlived us"
        time.sleep(0.01)

"""The servers and the disk that faults happen to: that the faults do happen."""

import socket
import time
from contextlib import closing
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

import psycopg
import pytest
import redis

from bench.faults import postgresql, redis_server, small_disk
from bench.faults.redis_server import Relay
from bench.raw_http import answers


class Echo(BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(1_000):
            self.request.sendall(data)


@pytest.fixture
def echo():
    """A server that answers what it hears; yields its port."""
    with ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_a_relay_holds_answers_back_and_refuses_when_it_is_closed(echo):
    relay = Relay(echo)
    relay.open()
    with closing(socket.create_connection(("127.0.0.1", relay.port))) as connection:
        taken = []
        for relay.delay in (0, 0.3):
            start = time.monotonic()
            connection.sendall(b"hello")
            assert connection.recv(1_000) == b"hello"
            taken.append(time.monotonic() - start)
    relay.close()

    assert taken[0] < 0.3 <= taken[1]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", relay.port))


def test_what_comes_before_the_patience_ends_is_heard(echo):
    start = time.monotonic()

    assert answers(f"127.0.0.1:{echo}", b"HTTP/1.1 200 OK\r\n\r\n{}HTTP/1.1 404 Not Found\r\n", 0.1) == [200, 404]
    assert answers(f"127.0.0.1:{echo}", b"GET /", 0.1) == []
    assert time.monotonic() - start < 5


@pytest.mark.skipif(redis_server.missing() is not None, reason=f"{redis_server.missing()}")
def test_redis_is_stopped_and_wiped():
    with redis_server.serving() as server, closing(redis.Redis.from_url(server.url)) as client:
        client.set("key", "value")
        held = server.holds_keys()
        server.wipe()
        wiped = not server.holds_keys()
        server.stop()
        with pytest.raises(redis.ConnectionError):
            client.get("key")
        server.start()

        assert held
        assert wiped
        assert client.get("key") is None


@pytest.mark.skipif(postgresql.missing() is not None, reason=f"{postgresql.missing()}")
def test_postgresql_is_stopped_starved_and_cut_off():
    with postgresql.cluster() as cluster:
        with psycopg.connect(cluster.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7")
        with closing(psycopg.connect(cluster.url, autocommit=True)) as connection:
            cut = 0
            while not cut:  # which ones are cut is a matter of chance
                cut = cluster.cut()
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        cluster.stop()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(cluster.url)
        cluster.configure(default_transaction_read_only="on", max_connections="10", superuser_reserved_connections="9")
        cluster.tend()
        with psycopg.connect(cluster.url) as connection:
            assert connection.execute("TABLE kept").fetchall() == [(7,)]
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                connection.execute("CREATE TABLE refused AS SELECT 7")
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(cluster.url)


@pytest.mark.skipif(postgresql.missing() is not None, reason=f"{postgresql.missing()}")
def test_who_writes_to_a_locked_table_waits():
    with postgresql.cluster() as cluster, psycopg.connect(cluster.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE numbers AS SELECT 7 AS number")
        connection.execute("SET statement_timeout = 50")
        with cluster.locked("numbers"):
            assert connection.execute("TABLE numbers").fetchall() == [(7,)]
            with pytest.raises(psycopg.errors.QueryCanceled):
                connection.execute("UPDATE numbers SET number = 8")
        connection.execute("UPDATE numbers SET number = 8")


@pytest.mark.skipif(small_disk.missing() is not None, reason=f"{small_disk.missing()}")
def test_a_disk_is_full_until_it_is_freed():
    with small_disk.small_disk(megabytes=2) as disk:
        disk.fill()
        with pytest.raises(OSError, match="No space left"):
            (disk.path / "more").write_bytes(b"x" * 5_000)
        disk.free()
        (disk.path / "more").write_bytes(b"x" * 5_000)

    assert not disk.path.exists()

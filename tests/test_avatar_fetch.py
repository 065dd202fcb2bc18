"""Fetching from an address that a stranger has named, with a server on loopback that does what servers should not."""

import gc
import gzip
import socket
import threading
import time
import tracemalloc

import pytest
from requests import Session

from contacts import avatar_fetch
from contacts.avatar_fetch import MAX_BYTES, fetch
from contacts.avatar_reasons import AvatarFailed, AvatarRefused, NoAvatar

from .picture_server import answer, drip, picture, redirect, stall, zipped

PNG = picture()


@pytest.fixture
def server(picture_server):
    return picture_server


@pytest.fixture
def _in_a_hurry(monkeypatch):
    monkeypatch.setattr(avatar_fetch, "SECONDS", 0.3)


@pytest.fixture
def resolve(monkeypatch):
    """Let names mean what the test says: a list of addresses, or one list after the other."""
    real, names, asked = socket.getaddrinfo, {}, []

    def getaddrinfo(host, port, *args, **kwargs):
        if host not in names:
            return real(host, port, *args, **kwargs)
        asked.append(host)
        answers = names[host]
        addresses = answers.pop(0) if isinstance(answers[0], list) else answers
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port or 0))
            for one in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    def resolve(host, *answers):
        names[host] = list(answers)
        return asked

    return resolve


def outcome(url):
    with pytest.raises(NoAvatar) as no_avatar:
        fetch(url)
    return type(no_avatar.value), no_avatar.value.code


def test_a_picture_is_fetched_and_little_is_told(server):
    assert fetch(server.url("/ada.png", answer(PNG))) == PNG

    ((path, headers),) = server.asked
    assert path == "/ada.png"
    assert headers.pop("Connection") == "keep-alive"
    assert headers == {
        "Host": "127.0.0.1",
        "User-Agent": "Inquirly",
        "Accept": "image/webp,image/png,image/jpeg,image/gif",
        "Accept-Encoding": "identity",
        "X-Forwarded-For": "true",
    }


def test_its_type_is_not_believed_and_not_needed(server):
    assert fetch(server.url("/a", answer(PNG, Content_Type="text/html"))) == PNG


def test_neither_proxy_nor_password_of_the_machine_is_used(server, monkeypatch, tmp_path):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))

    assert fetch(server.url("/ada.png", answer(PNG))) == PNG
    assert "Authorization" not in server.asked[0][1]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_two_redirects_are_followed(server, status):
    server.url("/c", answer(PNG))
    server.url("/b", redirect("c", status))

    assert fetch(server.url("/a", redirect(server.url("/b"), status))) == PNG
    assert server.paths == ["/a", "/b", "/c"]


def test_no_cookie_goes_along(server):
    server.url("/b", answer(PNG))

    fetch(server.url("/a", answer(status=302, Location="/b", Set_Cookie="a=b; Path=/")))

    assert "Cookie" not in server.asked[1][1]


@pytest.mark.parametrize("encoding", [{}, {"Content_Encoding": "gzip"}], ids=["plain", "zipped"])
def test_what_else_a_redirect_says_is_not_read(server, encoding):
    body = gzip.compress(bytes(64 * MAX_BYTES)) if encoding else bytes(64 * MAX_BYTES)
    server.url("/b", answer(PNG))
    url = server.url("/a", answer(body, status=302, Location="/b", **encoding))

    tracemalloc.start()
    try:
        assert fetch(url) == PNG
        _now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    # The body itself, zipped or not, is here as well: it is the server's.
    assert most < 2 * MAX_BYTES


def test_a_third_redirect_is_refused(server):
    server.url("/b", redirect("/c"))
    server.url("/c", redirect("/d"))

    assert outcome(server.url("/a", redirect("/b"))) == (AvatarRefused, "redirects")
    assert server.paths == ["/a", "/b", "/c"]


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("http://10.0.0.1/", "not_public"),
        ("http://169.254.169.254/latest/meta-data/", "not_public"),
        ("//0x7f.1/", "address"),
        ("http://example.com:22/", "address"),
        ("http://user:password@127.0.0.1/", "address"),
        ("ftp://127.0.0.1/a.png", "address"),
        ("file:///etc/passwd", "address"),
        ("data:image/png;base64,AAAA", "address"),
        ("http://[half/", "address"),
        ("http://127.0.0.1:99999/", "address"),
        ("https:\\\\127.0.0.1\\", "address"),
        ("http://a b/", "address"),
        ("http://" + "a" * 64 + ".example/", "address"),
        ("/" + "a" * 3000, "address"),
    ],
)
def test_where_a_redirect_leads_is_checked_again(server, location, code):
    assert outcome(server.url("/a", redirect(location))) == (AvatarRefused, code)
    assert server.paths == ["/a"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (204, (AvatarRefused, "no_picture")),
        (206, (AvatarRefused, "no_picture")),
        (300, (AvatarRefused, "no_picture")),
        (302, (AvatarRefused, "no_picture")),
        (304, (AvatarRefused, "no_picture")),
        (400, (AvatarRefused, "no_picture")),
        (401, (AvatarRefused, "no_picture")),
        (403, (AvatarRefused, "no_picture")),
        (404, (AvatarRefused, "no_picture")),
        (410, (AvatarRefused, "no_picture")),
        (408, (AvatarFailed, "server_error")),
        (425, (AvatarFailed, "server_error")),
        (429, (AvatarFailed, "server_error")),
        (500, (AvatarFailed, "server_error")),
        (503, (AvatarFailed, "server_error")),
    ],
)
def test_the_status_tells_whether_it_may_work_later(server, status, expected):
    assert outcome(server.url("/a", answer(b"", status))) == expected


def test_1_mib_is_taken(server):
    assert len(fetch(server.url("/a", answer(b"a" * MAX_BYTES)))) == MAX_BYTES


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(answer(b"a" * (MAX_BYTES + 1)), id="one-byte-more"),
        pytest.param(drip(b"HTTP/1.0 200 OK\r\n\r\n", b"a" * 300_000, 0), id="without-length-and-end"),
        pytest.param(
            drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"ffff\r\n" + b"a" * 0xFFFF + b"\r\n", 0),
            id="chunks-without-end",
        ),
        pytest.param(zipped(b"\0" * 60 * MAX_BYTES), id="gzip-bomb"),
        pytest.param(zipped(gzip.compress(b"\0" * MAX_BYTES) + b"\0" * MAX_BYTES), id="gzip-in-gzip"),
    ],
)
def test_what_is_larger_is_refused_whatever_its_length_says(server, behaviour):
    assert outcome(server.url("/a", behaviour)) == (AvatarRefused, "too_large")


def test_a_length_that_is_too_small_cuts_off_the_rest(server):
    assert fetch(server.url("/a", answer(b"abcdef", Content_Length="3"))) == b"abc"


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(answer(b"abc", Content_Length="1000"), id="less-than-its-length"),
        pytest.param(answer(b"abc", Content_Encoding="gzip"), id="no-gzip"),
        pytest.param(answer(b"abc", Content_Length="3, 4"), id="two-lengths"),
        pytest.param(answer(b"xyz\r\nabc", Transfer_Encoding="chunked"), id="no-chunks"),
        pytest.param(lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n"), id="no-http"),
        pytest.param(lambda handler: handler.wfile.write(b"HTTP/1.1 abc\r\n\r\n"), id="no-status"),
        pytest.param(lambda handler: handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 500), id="headers"),
        pytest.param(lambda handler: handler.wfile.write(b"HTTP/1.1 200 OK\r\nA: " + b"b" * 99_999), id="header"),
        pytest.param(lambda handler: None, id="nothing"),
        pytest.param(lambda handler: handler.connection.shutdown(socket.SHUT_RDWR), id="hung-up"),
    ],
)
def test_what_is_broken_may_work_later(server, behaviour):
    assert outcome(server.url("/a", behaviour)) == (AvatarFailed, "unreachable")
    gc.collect()  # which warns of a connection that is left open


@pytest.mark.usefixtures("_in_a_hurry")
@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(stall, id="stalls"),
        pytest.param(drip(b"", b"H"), id="status-in-drops"),
        pytest.param(drip(b"HTTP/1.1 200 OK\r\nA: ", b"a"), id="header-in-drops"),
        pytest.param(drip(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n", 0.05), id="headers-in-drops"),
        pytest.param(drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"a"), id="body-in-drops"),
        pytest.param(
            drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"), id="chunks-in-drops"
        ),
        pytest.param(drip(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"), id="continued"),
    ],
)
def test_it_is_over_in_time_and_leaves_no_thread(server, behaviour):
    before, begun = threading.active_count(), time.monotonic()

    assert outcome(server.url("/a", behaviour)) == (AvatarFailed, "timeout")

    assert time.monotonic() - begun < 2
    while threading.active_count() > before and time.monotonic() - begun < 9:
        time.sleep(0.02)
    assert threading.active_count() <= before


@pytest.mark.usefixtures("_in_a_hurry")
def test_redirects_share_the_time(server):
    def slow(handler):
        time.sleep(0.2)
        redirect("/b")(handler)

    server.url("/b", slow)

    assert outcome(server.url("/a", slow)) == (AvatarFailed, "timeout")


@pytest.mark.usefixtures("_in_a_hurry")
def test_a_name_that_is_looked_up_for_long_is_given_up(server, monkeypatch):
    found, real = threading.Event(), socket.getaddrinfo

    def getaddrinfo(host, *args, **kwargs):
        found.wait(9)
        return real("127.0.0.1", *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    before = threading.active_count()
    server.url("/a", drip(b"HTTP/1.1 200 OK\r\nA: ", b"a"))

    assert outcome(f"http://localhost:{server.server_port}/a") == (AvatarFailed, "timeout")

    found.set()  # it connects too late, and is ended at once
    begun = time.monotonic()
    while threading.active_count() > before and time.monotonic() - begun < 9:
        time.sleep(0.02)
    assert threading.active_count() <= before


def test_nobody_there_may_be_there_later(server):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        assert outcome(f"http://127.0.0.1:{port}/") == (AvatarFailed, "unreachable")


def test_a_name_that_is_not_found_may_be_found_later(resolve, monkeypatch):
    def getaddrinfo(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    assert outcome("http://nobody.example/") == (AvatarFailed, "unreachable")


def test_a_certificate_that_does_not_fit_is_not_believed(server):
    assert outcome(server.url("/a", answer(PNG)).replace("http:", "https:")) == (AvatarFailed, "unreachable")


def test_the_address_that_was_checked_is_connected_to(server, resolve):
    """A name that means something else when it is asked for again leads nowhere else."""
    asked = resolve("localhost", ["127.0.0.1"], ["10.0.0.1"])

    assert fetch(server.url("/a", answer(PNG), host="localhost")) == PNG
    assert asked == ["localhost"]
    assert server.asked[0][1]["Host"] == "localhost"


def test_a_name_that_means_something_else_after_a_redirect_is_refused(server, resolve):
    resolve("localhost", ["127.0.0.1"], ["10.0.0.1"])
    url = server.url("/a", redirect("/b"), host="localhost")

    assert outcome(url) == (AvatarRefused, "not_public")
    assert server.paths == ["/a"]


@pytest.mark.parametrize(
    "addresses", [["8.8.8.8", "127.0.0.1"], ["2606:4700::1111", "::1"], ["1.1.1.1", "fe80::1%eth0"], ["nonsense"]]
)
def test_one_address_that_is_not_public_is_enough(resolve, addresses):
    resolve("mixed.example", addresses)

    assert outcome("http://mixed.example/") == (AvatarRefused, "not_public")


def test_a_name_without_addresses_is_refused(resolve):
    resolve("none.example", [])

    assert outcome("http://none.example/") == (AvatarRefused, "not_public")


def test_loopback_is_refused_unless_the_setting_allows_it(server, settings):
    url = server.url("/a", answer(PNG))
    settings.INQUIRLY_AVATAR_ALLOW_LOOPBACK = False

    assert outcome(url) == (AvatarRefused, "address")
    assert outcome("http://127.0.0.1/a") == (AvatarRefused, "not_public")
    assert server.paths == []


def test_what_nobody_thought_of_is_not_taken_for_an_answer(server, monkeypatch):
    def get(*args, **kwargs):
        raise KeyError("what")

    monkeypatch.setattr(Session, "get", get)

    with pytest.raises(KeyError):
        fetch(server.url("/a"))

"""Addresses in all spellings: which are connected to, and where; the others lead nowhere."""

import socket

import pytest

from contacts.avatar_fetch import fetch
from contacts.avatar_reasons import NoAvatar

PUBLIC = "8.8.8.8"
NAMES = {
    "localhost": ["127.0.0.1", "::1"],
    "localhost.": ["127.0.0.1"],
    "LocalHost": ["127.0.0.1"],
    "localhost.localdomain": ["127.0.0.1"],
    "public.example": [PUBLIC],
    "public.example.": [PUBLIC],
    "both.example": ["2606:4700::1111", PUBLIC],
    "xn--bcher-kva.example": [PUBLIC],
    "intranet": ["10.0.0.7"],
    "metadata.google.internal": ["169.254.169.254"],
    "private.example": ["192.168.1.1"],
    "half-private.example": [PUBLIC, "10.0.0.1"],
    "mapped.example": ["::ffff:10.0.0.1"],
    "scoped.example": ["fe80::1%2"],
    "zero.example": ["0.0.0.0"],
    "nat64.example": ["64:ff9b::a00:1"],
    "xn--80ak6aa92e.example": ["127.0.0.1"],
}


@pytest.fixture(autouse=True)
def connected(monkeypatch):
    """Every address that somebody connects to; nobody is there."""
    connected, real = [], socket.getaddrinfo

    def getaddrinfo(host, port, *args, **kwargs):
        if host not in NAMES:  # the system knows how numbers are written
            return real(host, port, socket.AF_UNSPEC, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
        families = [socket.AF_INET6 if ":" in one else socket.AF_INET for one in NAMES[host]]
        return [
            (family, socket.SOCK_STREAM, 6, "", (one, port or 0))
            for family, one in zip(families, NAMES[host], strict=True)
        ]

    def connect(self, address):
        connected.append(address[:2])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(socket.socket, "connect", connect)
    return connected


def reason(url):
    with pytest.raises(NoAvatar) as no_avatar:
        fetch(url)
    return no_avatar.value.code


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://8.8.8.8/a.png", (PUBLIC, 80)),
        ("http://8.8.8.8:80/", (PUBLIC, 80)),
        ("http://8.8.8.8:443/", (PUBLIC, 443)),
        ("https://8.8.8.8/", (PUBLIC, 443)),
        ("https://8.8.8.8:443/", (PUBLIC, 443)),
        ("https://8.8.8.8:80/", (PUBLIC, 80)),
        ("HTTPS://8.8.8.8", (PUBLIC, 443)),
        ("http://172.15.0.1/", ("172.15.0.1", 80)),
        ("http://172.32.0.1/", ("172.32.0.1", 80)),
        ("http://100.63.0.1/", ("100.63.0.1", 80)),
        ("http://192.167.0.1/", ("192.167.0.1", 80)),
        ("http://[2606:4700::1111]/", ("2606:4700::1111", 80)),
        ("http://[2606:4700:0:0:0:0:0:1111]/?a#b", ("2606:4700::1111", 80)),
        ("http://public.example/a.png?x=http://10.0.0.1/#@10.0.0.1", (PUBLIC, 80)),
        ("https://public.example./", (PUBLIC, 443)),
        ("http://both.example/", ("2606:4700::1111", 80)),
        ("http://b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example/", (PUBLIC, 80)),
        ("http://xn--bcher-kva.example/", (PUBLIC, 80)),
    ],
)
def test_public_addresses_are_connected_to(connected, url, address):
    assert reason(url) == "unreachable"
    assert connected == [address]


@pytest.mark.parametrize(
    "host",
    [
        # This machine.
        "127.0.0.1",
        "127.0.0.1.",
        "127.1.2.3",
        "127.255.255.255",
        "0.0.0.0",
        "0.0.0.1",
        "[::1]",
        "[::]",
        "[0:0:0:0:0:0:0:1]",
        "[0000:0000:0000:0000:0000:0000:0000:0001]",
        "localhost",
        "localhost.",
        "LocalHost",
        "localhost.localdomain",
        "zero.example",
        # The same in other spellings.
        "2130706433",
        "0x7f000001",
        "0X7F000001",
        "017700000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "127.0.0.01",
        "127.0.0.0x1",
        "127.1",
        "127.0.1",
        "0",
        "0x",
        "4294967295",
        "134744072",
        "8.8.2056",
        "08.8.8.8",
        "1.1.1.1.1",
        "256.1.1.1",
        "8.8.8.8.9",
        # Digits and dots of other scripts.
        "\N{FULLWIDTH DIGIT ONE}27.0.0.1",
        "\N{CIRCLED DIGIT ONE}\N{CIRCLED DIGIT TWO}\N{CIRCLED DIGIT SEVEN}.0.0.1",
        "127\N{IDEOGRAPHIC FULL STOP}0\N{IDEOGRAPHIC FULL STOP}0\N{IDEOGRAPHIC FULL STOP}1",
        "127\N{FULLWIDTH FULL STOP}0.0.1",
        "127\N{HALFWIDTH IDEOGRAPHIC FULL STOP}0.0.1",
        "l\N{LATIN SMALL LETTER O WITH STROKE}calhost\N{IDEOGRAPHIC FULL STOP}",
        "\N{SCRIPT SMALL L}ocalhost",
        "xn--80ak6aa92e.example",
        # Private nets.
        "10.0.0.1",
        "10.255.255.255",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "192.168.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "[fc00::1]",
        "[fdff::1]",
        "[fec0::1]",
        "intranet",
        "private.example",
        "half-private.example",
        # Link local, and what clouds tell there.
        "169.254.169.254",
        "169.254.0.1",
        "168.63.129.16",
        "[fe80::1]",
        "[febf::1]",
        "[fd00:ec2::254]",
        "metadata.google.internal",
        "scoped.example",
        # To many, or to nobody.
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "[ff02::1]",
        "[ff0e::1]",
        "192.0.2.1",
        "198.51.100.1",
        "203.0.113.1",
        "198.18.0.1",
        "192.0.0.1",
        "192.88.99.1",
        "[100::1]",
        "[2001:db8::1]",
        "[3fff::1]",
        "[5f00::1]",
        "[4000::1]",
        "[8000::1]",
        # IPv4 inside of IPv6: mapped, compatible, translated, NAT64, 6to4, Teredo, ORCHID.
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::ffff:a9fe:a9fe]",
        "[::FFFF:10.0.0.1]",
        "[0:0:0:0:0:ffff:10.0.0.1]",
        "[::127.0.0.1]",
        "[::7f00:1]",
        "[::8.8.8.8]",
        "[::ffff:0:7f00:1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b::a00:1]",
        "[64:ff9b::808:808]",
        "[64:ff9b:1::a00:1]",
        "[2002:7f00:1::]",
        "[2002:a00:1::1]",
        "[2002:808:808::1]",
        "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
        "[2001:20::1]",
        "mapped.example",
        "nat64.example",
        # No host at all.
        "",
        ".",
        "..",
        "[]",
        "[::1",
        "::1",
        "[:::1]",
        "[1.2.3.4]",
        "[v1.a]",
        "[fe80::1%25eth0]",
        "[fe80::1%eth0]",
        "[::1%251]",
        "%31%32%37.0.0.1",
        "127.0.0.1%00.example.com",
        "a" * 64 + ".example",
        "-",
        "xn--\N{SNOWMAN}.example",
        # Somebody else's eyes.
        "user@public.example",
        "user:password@public.example",
        "@public.example",
        ":@public.example",
        "public.example@10.0.0.1",
        "10.0.0.1\\@public.example",
        "10.0.0.1\\.public.example",
        "public.example\\",
        "public.example\t",
        "public\n.example",
        "\x00public.example",
        "public.example\x7f",
        " public.example",
        "public.example\N{NO-BREAK SPACE}",
        "<public.example>",
        # Other ports.
        "public.example:22",
        "public.example:0",
        "public.example:8080",
        "public.example:6379",
        "public.example:65536",
        "public.example:99999999",
        "public.example:",
        "public.example:80:80",
        "public.example:-80",
        "public.example:+80",
        "public.example: 80",
        "public.example:8\N{FULLWIDTH DIGIT ZERO}",
        "[2606:4700::1111]:22",
    ],
)
def test_other_addresses_lead_nowhere(connected, host):
    assert reason(f"http://{host}/a.png") in {"address", "not_public", "unreachable"}
    assert connected == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/a.png",
        "//public.example/a.png",
        "public.example",
        "http:public.example",
        "http:/public.example",
        "http:///public.example/",
        "http:\\\\public.example\\",
        "ftp://public.example/",
        "file:///etc/passwd",
        "file://public.example/etc/passwd",
        "gopher://public.example/_x",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        "ws://public.example/",
        "unix:///run/docker.sock",
        "http+unix://%2Frun%2Fdocker.sock/",
        "jar:http://public.example!/",
        " http://public.example/",
        "http://public.example/ HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n",
        "http://public.example/\x00",
        "http://public.example/" + "a" * 2048,
    ],
)
def test_what_is_no_address_of_the_web_leads_nowhere(connected, url):
    assert reason(url) == "address"
    assert connected == []

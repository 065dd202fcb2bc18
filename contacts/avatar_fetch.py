"""What is behind an address that a stranger has named: fetched in workers and commands, never in a request.

Only public addresses are connected to. AntiSSRF checks every address that a name has, in all spellings, and connects
to the one it has checked, so that a name cannot mean something else a moment later.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from ipaddress import IPv6Network
from threading import Thread
from typing import Any
from urllib.parse import urljoin

from AntiSSRF import AntiSSRFError, AntiSSRFPolicy, PolicyConfigOptions
from requests import RequestException, Response
from requests.exceptions import InvalidHeader
from urllib3.exceptions import HTTPError

from inboxes.conf import conf

from .avatar_address import check_address
from .avatar_deadline import Deadline
from .avatar_reasons import AvatarFailed, AvatarRefused, NoAvatar

SECONDS = 5  # in all
MAX_BYTES = 1024 * 1024
REDIRECTS = 2
CHUNK = 16 * 1024
TRY_LATER = (408, 425, 429)
LOOPBACK = ["127.0.0.0/8", "::1/128"]
# The list of AntiSSRF names nets. Nothing is public in IPv6 beside 2000::/3 and the form in which it writes IPv4.
NOT_GLOBAL = [str(net) for net in IPv6Network("::/3").address_exclude(IPv6Network("::ffff:0:0/96"))] + [
    "4000::/2",
    "8000::/1",
]
HEADERS = {
    "Accept": "image/webp,image/png,image/jpeg,image/gif",
    "Accept-Encoding": "identity",
    "User-Agent": "Inquirly",
}


def fetch(url: str) -> bytes:
    """Return what is at ``url``, at most 1 MiB, within 5 seconds; raises ``AvatarRefused`` or ``AvatarFailed``.

    It happens in a thread, as nothing else ends a look-up of a name in time. A thread that is left behind ends by
    itself: its connection is shut down, and the resolver gives up.
    """
    deadline, fetched = Deadline(SECONDS), Future[bytes]()
    Thread(target=_put, args=(fetched, _follow, url, deadline), daemon=True).start()
    try:
        return fetched.result(SECONDS)
    except TimeoutError:
        raise AvatarFailed("timeout") from None
    finally:
        deadline.end()


def _put(future: "Future[bytes]", function: Callable[..., bytes], *args: Any) -> None:
    try:
        future.set_result(function(*args))
    except BaseException as error:  # noqa: BLE001 (raised where the future is waited for)
        future.set_exception(error)


def _follow(url: str, deadline: Deadline) -> bytes:
    no_avatar: NoAvatar = AvatarRefused("redirects")
    try:
        for _hop in range(1 + REDIRECTS):
            check_address(url)
            with _policy().get_antissrf_session() as session:  # one for each: no cookie goes along
                session.trust_env = False  # no proxy and no password of this machine
                session.resolve_redirects = _none  # requests would read all of a redirect's body to look ahead
                deadline.watch(session)
                options = {"timeout": deadline.left(), "stream": True, "allow_redirects": False}
                with session.get(url, headers=HEADERS, **options) as response:
                    location = session.get_redirect_target(response)
                    if location is None:
                        return _read(response, deadline)
                    url = urljoin(url, location)
    except AntiSSRFError:
        no_avatar = AvatarRefused("not_public")
    except InvalidHeader:  # two lengths, say
        no_avatar = AvatarFailed("unreachable")
    except ValueError:  # a name or an address that has no meaning, also where requests makes one of it
        no_avatar = AvatarRefused("address")
    except (RequestException, HTTPError, OSError):
        no_avatar = AvatarFailed("timeout" if deadline.over() else "unreachable")
    raise no_avatar  # here, as the error that was caught holds a connection open for as long as it is kept


def _none(*args: Any, **kwargs: Any) -> Iterator[Response]:
    return iter(())


def _policy() -> AntiSSRFPolicy:
    policy = AntiSSRFPolicy(PolicyConfigOptions.EXTERNAL_ONLY_LATEST)
    policy.add_denied_addresses(NOT_GLOBAL)
    policy.allow_plain_text_http = True
    if conf.INQUIRLY_AVATAR_ALLOW_LOOPBACK:
        policy.add_allowed_addresses(LOOPBACK)
    return policy


def _read(response: Response, deadline: Deadline) -> bytes:
    """Return the body; what counts is what arrives, decoded, whatever the headers say."""
    if response.status_code in TRY_LATER or response.status_code >= 500:
        raise AvatarFailed("server_error")
    if response.status_code != 200:
        raise AvatarRefused("no_picture")
    body = bytearray()
    for chunk in response.iter_content(CHUNK):
        body += chunk
        if len(body) > MAX_BYTES:
            raise AvatarRefused("too_large")
        deadline.check()
    return bytes(body)

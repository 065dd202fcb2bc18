import logging
import sys

import pytest

from inquirly_site.log import HideSecrets, InOneLine

SOURCE = "v-j49e6FOL9DPjRtjq6Nqw438msvTSnd"
HASH = "7385c41a8c92307f1f87687604f9fbdba592e3762e9c689972bf75150abd798a"


def logged(message, *args):
    record = logging.LogRecord("django.server", logging.INFO, "file", 1, message, args, None)
    HideSecrets().filter(record)
    return record.getMessage()


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            f"GET /public/api/v1/inboxes/demo/contacts/{SOURCE}?identifier=user-42&identifier_hash={HASH} HTTP/1.1",
            "GET /public/api/v1/inboxes/demo/contacts/… HTTP/1.1",
        ),
        (
            f"GET //public/api/v1/inboxes/demo/contacts/{SOURCE}/ HTTP/1.1",
            "GET //public/api/v1/inboxes/demo/contacts/… HTTP/1.1",
        ),
        (
            f"GET /public/api/v1/Inboxes/demo/Contacts/{SOURCE} HTTP/1.1",
            "GET /public/api/v1/Inboxes/demo/Contacts/… HTTP/1.1",
        ),
        ("POST /public/api/v1/inboxes/demo/contacts HTTP/1.1", "POST /public/api/v1/inboxes/demo/contacts HTTP/1.1"),
        (
            f"GET /admin/inquirly_contacts/contactinbox/?q={SOURCE} HTTP/1.1",
            "GET /admin/inquirly_contacts/contactinbox/?… HTTP/1.1",
        ),
        ("Ready? Yes: 100 % of it", "Ready? Yes: 100 % of it"),
    ],
)
def test_a_line_of_the_log_opens_no_session(line, shown):
    assert logged('"%s" %s %s', line, 200, 17) == f'"{shown}" 200 17'


def test_an_error_that_comes_every_second_takes_one_line_each():
    try:
        raise ConnectionError("to redis")
    except ConnectionError:
        record = logging.LogRecord(
            "channels_redis.pubsub", logging.ERROR, "file", 1, "No %s", ("answer",), sys.exc_info()
        )

    assert InOneLine().filter(record)
    assert logging.Formatter().format(record) == "No answer (ConnectionError)"


def test_a_line_without_an_error_stays_as_it_is():
    record = logging.LogRecord("channels_redis.pubsub", logging.INFO, "file", 1, "No %s", ("news",), None)

    assert InOneLine().filter(record)
    assert logging.Formatter().format(record) == "No news"

import logging
import re

CONTACT_PATH = re.compile(r'(/inboxes/[^/?\s"]+/contacts/)[^\s"]+', re.IGNORECASE)
QUERY = re.compile(r'(/[^\s?"]*\?)[^\s"]+')


class HideSecrets(logging.Filter):
    """Replace what opens somebody's session with an ellipsis: source ids in paths, and query strings.

    A query string carries hashes on the API, and in the admin what staff search for.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 (whatever is wrong with a record, logging tells it better than we could)
            return True
        record.msg, record.args = QUERY.sub(r"\1…", CONTACT_PATH.sub(r"\1…", message)), None
        return True


class InOneLine(logging.Filter):
    """Name an error instead of tracing it: what asks Redis again and again would fill the log while that is away."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[0]:
            record.msg, record.args = f"{record.getMessage()} ({record.exc_info[0].__name__})", None
            record.exc_info = None
        return True

"""Why there is no picture, in words for staff: rows keep the code, and everybody reads their own language."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

REASONS: dict[str, str | Promise] = {
    # Refused: it will never work.
    "address": _("Pictures are fetched by http or https, from port 80 or 443, without user name or password."),
    "not_public": _("The address leads to a network that is not public."),
    "redirects": _("The address leads on to others more than twice."),
    "no_picture": _("The address serves no picture, or not to us."),
    "too_large": _("The picture is larger than 1 MiB."),
    "too_many_pixels": _(
        "The picture has more than 16 million pixels, or 16,384 on a side, or takes too long to read."
    ),
    "not_a_picture": _("What is there is not a whole PNG, JPEG, WebP or GIF."),
    # Failed: it may work later.
    "timeout": _("The picture did not arrive within 5 seconds."),
    "unreachable": _("The server of the picture could not be reached."),
    "server_error": _("The server of the picture reported an error, or is overloaded."),
    "storage": _("The picture could not be stored here."),
    "interrupted": _("The worker stopped while fetching this picture."),
}


class NoAvatar(Exception):
    """There is no picture; ``code`` is one of ``REASONS``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class AvatarRefused(NoAvatar):
    """This address will never give one."""


class AvatarFailed(NoAvatar):
    """Later it may."""

"""What the fields of a contact may hold. The patterns stand in the schema too: they are valid in ECMAScript."""

import re

from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

# Between the characters of a phone number it may be sent; it is not stored.
PUNCTUATION = r"[ .\(\)\[\]\-]*"
PHONE_NUMBER_AS_SENT = rf"{PUNCTUATION}\+{PUNCTUATION}[1-9](?:{PUNCTUATION}[0-9]){{6,14}}{PUNCTUATION}"

# Of an address, between the characters that part it.
URL_CHARACTER = r"""[^\s\x00-\x20\x7f-\x9f<>"'`{}|\\^/?#@:\[\]]"""
HOST_NAME = rf"{URL_CHARACTER}+"

# White space is not the same everywhere, and not all can look around: so every client reads this alike.
NO_SPACE = r"[^\x00-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
IDENTIFIER = rf"({NO_SPACE}([^\x00-\x1f\x7f-\x9f]*{NO_SPACE})?)?"

# Characters that nobody sees: Unicode's default ignorable ones of the first plane, the blank of Braille, annotations.
UNSEEN = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
)
DOMAIN_CHARACTER = rf"[^@\s\x00-\x1f\x7f-\x9f{UNSEEN}]"

# \A and \Z, not ^ and $: Python's $ would let a line feed through at the end.
validate_no_control_characters = RegexValidator(
    r"\A[^\x00-\x1f\x7f-\x9f]+\Z", _("Control characters are not allowed."), "control_characters"
)
validate_identifier = RegexValidator(
    rf"\A{IDENTIFIER}\Z",
    _("An identifier has no control characters and no white space at either end."),
    "invalid_identifier",
)
validate_phone_number = RegexValidator(
    r"\A\+[1-9][0-9]{6,14}\Z",
    _("Write the number with its country code: a plus sign and 7 to 15 digits, like +12025550123."),
    "invalid_phone_number",
)
validate_email_characters = RegexValidator(
    # An address without @ is left to the validator that says so.
    rf"\A([\x20-\x7e]*@{DOMAIN_CHARACTER}*|{DOMAIN_CHARACTER}+)\Z",
    _("Write an address of ASCII characters without spaces; only its domain may hold others that can be seen."),
    "invalid",
)
validate_avatar_url = RegexValidator(
    rf"\A[Hh][Tt][Tt][Pp][Ss]?://({URL_CHARACTER}*@)?({HOST_NAME}|\[[0-9A-Fa-f:.]+\])(:[0-9]{{1,5}})?"
    rf"([/?#]({URL_CHARACTER}|[/?#@:\[\]])*)?\Z",
    _("Write an address that begins with http:// or https:// and has no spaces."),
    "invalid_avatar_url",
)


def normalize_phone_number(value: str) -> str:
    """Return ``value`` without spaces, dots, dashes and brackets; no country is guessed."""
    return re.sub(PUNCTUATION, "", value)


def normalize_email(value: str) -> str:
    """Return ``value`` in lower case, the form that is stored and compared.

    A local part that is not ASCII stays as it is, and is not valid: lower case would make a K of the Kelvin sign.
    """
    local, at, domain = value.rpartition("@")
    return (local.lower() if local.isascii() else local) + at + domain.lower()

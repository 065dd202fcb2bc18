"""The one door for bodies: read whole or refused, and never dropped."""

from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException, ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from .strict_json import NotStrict, parse_object

MAX_BODY = 100 * 1024


class LengthRequired(APIException):
    status_code = 411


class BodyTooLarge(APIException):
    status_code = 413


class StrictJSONParser(BaseParser):
    """Parses one JSON object in UTF-8, and refuses with 400 what others let through: see ``strict_json``."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        body = _read(stream)
        if parser_context and len(body) < int(parser_context["request"].META["CONTENT_LENGTH"]):
            raise ParseError(_("The body did not arrive whole."))
        try:
            return parse_object(body.decode())
        except UnicodeDecodeError as error:
            raise ParseError(_("The body is not UTF-8.")) from error
        except NotStrict as error:
            raise ParseError(str(error)) from error


def check_body(request: Request) -> None:
    """Raise for a body that could only be dropped or read in vain: no length, too large, not JSON."""
    length = request.META.get("CONTENT_LENGTH") or ""
    if not length:
        if _comes_without_length(request):
            raise LengthRequired
        request.META["CONTENT_LENGTH"] = "0"  # else DRF would believe a header of the name Content_Length
    elif not (length.isascii() and length.isdigit()):
        raise ParseError(_("Content-Length is not a number."))
    size = length.lstrip("0")
    if len(size) > len(str(MAX_BODY)) or int(size or 0) > MAX_BODY:
        raise BodyTooLarge
    content_type = request.META.get("CONTENT_TYPE", "")
    if size and content_type.partition(";")[0].strip().lower() != StrictJSONParser.media_type:
        raise UnsupportedMediaType(content_type)


def finish_reading(request: Request) -> None:
    """Read what is left of a body that ``check_body`` let pass.

    With an unread body left over, a server closes the connection, and a client that is still sending it may never see
    the answer.
    """
    with suppress(ParseError):
        _read(request._request)


def _comes_without_length(request: Request) -> bool:
    """Return whether there is a body although no length was named, as chunks and HTTP/2 allow.

    Django takes such a body for empty. Servers that end it themselves can be asked, past Django.
    """
    meta = request.META
    stream = meta["wsgi.input"] if meta.get("wsgi.input_terminated") else request._request
    return bool(meta.get("HTTP_TRANSFER_ENCODING") or _read(stream, 1))


def _read(stream: Any, size: int = -1) -> bytes:
    try:
        body: bytes = stream.read(size)
    except OSError as error:  # the client hung up
        raise ParseError(_("The body did not arrive whole.")) from error
    return body

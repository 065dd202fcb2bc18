"""The one shape of every refusal: problem details (RFC 9457)."""

import logging
from collections.abc import Mapping
from http.client import responses
from typing import Any, NamedTuple, cast

from django.core import exceptions as django_exceptions
from django.core.signals import got_request_exception
from django.db import InterfaceError, InternalError, NotSupportedError, OperationalError
from django.http import Http404, JsonResponse
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions

from .identity import IdentityRejected
from .refusals import KeyInFlight, KeyReused
from .signals import identity_rejected

logger = logging.getLogger(__name__)

# Seconds: time for a database to come back, and for the other request with an idempotency key to end.
RETRY_AFTER = 5
RETRY_IN_FLIGHT_AFTER = 1


class Problem(NamedTuple):
    status: int
    title: str | Promise
    detail: str | Promise


# By code, which is for programs and never changes. Of two that share a status, the first is the usual one.
PROBLEMS = {
    "malformed_request": Problem(400, _("Bad request"), _("The request could not be read.")),
    "identity_not_proven": Problem(
        401,
        _("Identity not proven"),
        _(
            "Send the identifier together with its identifier_hash, "
            "made on your server with the hmac_token of this inbox."
        ),
    ),
    "contact_blocked": Problem(403, _("Forbidden"), _("This contact is blocked.")),
    "not_found": Problem(404, _("Not found"), _("There is no such inbox or contact.")),
    "method_not_allowed": Problem(
        405,
        _("Method not allowed"),
        _("See the Allow header for the methods of this address."),
    ),
    "idempotency_key_in_flight": Problem(
        409,
        _("Idempotency key in flight"),
        _("A request with this Idempotency-Key is under way. Send it again in as many seconds as Retry-After says."),
    ),
    "length_required": Problem(411, _("Length required"), _("Send the body with a Content-Length.")),
    "body_too_large": Problem(413, _("Body too large"), _("Send at most 102,400 bytes.")),
    "unsupported_media_type": Problem(415, _("Unsupported media type"), _("Send the body as application/json.")),
    "invalid_fields": Problem(
        422,
        _("Invalid fields"),
        _("Nothing was stored. Correct the fields listed in errors, and send the request again."),
    ),
    "idempotency_key_reused": Problem(
        422,
        _("Idempotency key reused"),
        _("This Idempotency-Key has come with another body. Make a new key for every new request."),
    ),
    "throttled": Problem(429, _("Too many requests"), _("Wait for as many seconds as Retry-After says.")),
    "internal_error": Problem(500, _("Internal server error"), _("The request could not be carried out.")),
    "unavailable": Problem(503, _("Service unavailable"), _("Try again in as many seconds as Retry-After says.")),
}
USUAL_CODES = {problem.status: code for code, problem in reversed(PROBLEMS.items())}


class ProblemResponse(JsonResponse):
    """A refusal: ``title``, ``status``, ``detail``, ``code`` and, for invalid fields, ``errors``."""

    def __init__(
        self,
        status: int,
        detail: str | None = None,
        errors: list[dict[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
        code: str | None = None,
    ) -> None:
        code = code or USUAL_CODES.get(status, "refused")
        unknown = Problem(status, responses.get(status, _("Refused")), PROBLEMS["malformed_request"].detail)
        problem = PROBLEMS.get(code, unknown)
        body = {"title": str(problem.title), "status": status, "detail": detail or str(problem.detail), "code": code}
        super().__init__(
            body if errors is None else {**body, "errors": errors},
            status=status,
            headers=headers,
            content_type="application/problem+json",
        )


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> ProblemResponse:
    """Return the refusal for whatever a public view raises: the exception handler of those views."""
    match exc:
        case exceptions.ValidationError() | django_exceptions.ValidationError(error_dict=_):
            return ProblemResponse(422, errors=field_errors(exc))
        case exceptions.ParseError():
            return ProblemResponse(400, detail=str(exc.detail))
        case IdentityRejected() | exceptions.AuthenticationFailed() | exceptions.NotAuthenticated():
            identity_rejected.send_robust(
                type(context["view"]),
                request=context["request"],
                inbox_identifier=context["kwargs"].get("inbox_identifier"),
            )
            return ProblemResponse(
                401, headers={"WWW-Authenticate": context["view"].get_authenticate_header(context["request"])}
            )
        case exceptions.MethodNotAllowed():
            return ProblemResponse(405, headers={"Allow": ", ".join(context["view"].allowed_methods)})
        case exceptions.Throttled():
            return ProblemResponse(429, headers={"Retry-After": str(int(getattr(exc, "wait", None) or 1))})
        case KeyInFlight():
            return ProblemResponse(409, headers={"Retry-After": str(RETRY_IN_FLIGHT_AFTER)})
        case KeyReused():
            return ProblemResponse(422, code="idempotency_key_reused")
        case exceptions.APIException():
            return ProblemResponse(exc.status_code)
        case django_exceptions.PermissionDenied():
            return ProblemResponse(403)
        case Http404() | django_exceptions.ObjectDoesNotExist():
            return ProblemResponse(404)
        case django_exceptions.SuspiciousOperation():
            return ProblemResponse(400)
        case OperationalError() | InterfaceError() | InternalError() | NotSupportedError():
            # Away, full, read-only, too slow, or migrated: not the caller's fault, and worth another try.
            logger.error("The database did not answer: %s", type(exc).__name__)
            return ProblemResponse(503, headers={"Retry-After": str(RETRY_AFTER)})
    return _unexpected(context)


def _unexpected(context: Mapping[str, Any]) -> ProblemResponse:
    # The signal is what error trackers, and Django's test client, listen to.
    got_request_exception.send(sender=type(context["view"]), request=context["request"]._request)
    logger.exception("A public call failed")
    return ProblemResponse(500)


def field_errors(exc: exceptions.ValidationError | django_exceptions.ValidationError) -> list[dict[str, str]]:
    """Return a list of ``{field, code, message}``, one for each field that is not valid."""
    if isinstance(exc, exceptions.ValidationError):
        details = cast(dict[str, list[exceptions.ErrorDetail]], exc.detail)
        return [
            {"field": field, "code": errors[0].code or "invalid", "message": str(errors[0])}
            for field, errors in details.items()
        ]
    return [
        {"field": field, "code": errors[0].code or "invalid", "message": gettext(errors[0].messages[0])}
        for field, errors in exc.error_dict.items()
    ]

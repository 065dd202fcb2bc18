"""The OpenAPI description of what all public calls have in common: refusals, headers, signature.

What is special to a call stands beside its view, in extensions of drf-spectacular.
"""

import json
import re
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiParameter
from rest_framework.permissions import SAFE_METHODS

from .headers import HEADERS, IDEMPOTENCY_KEY
from .problems import PROBLEMS, ProblemResponse
from .serializers import ProblemSerializer
from .tokens import TOKEN_PATTERN

Description = dict[str, Any]

TOKEN = {"type": "string", "pattern": f"^{TOKEN_PATTERN}$"}
PATH_PARAMETERS = {
    "inbox_identifier": _("The public identifier of the inbox."),
    "source_id": _("The session: the source_id that the last answer gave."),
}

# Every answer that may bear a "required" one does.
COMMON_HEADERS: dict[str, Description] = {
    **{name: {"required": True, "schema": {"type": "string", "enum": [value]}} for name, value in HEADERS.items()},
    "Vary": {"required": True, "schema": {"type": "string"}, "description": _("At least origin.")},
    "Access-Control-Allow-Origin": {
        "schema": {"type": "string"},
        "description": _("Where the request bears an Origin that the inbox allows. Never with credentials."),
    },
    "Access-Control-Expose-Headers": {"schema": {"type": "string"}},
}
RETRY_AFTER: dict[str, Description] = {
    "Retry-After": {
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
        "description": _("Seconds to wait before the next call."),
    }
}
SPECIAL_HEADERS: dict[int, dict[str, Description]] = {
    401: {"WWW-Authenticate": {"required": True, "schema": {"type": "string", "enum": ["IdentifierHash"]}}},
    405: {"Allow": {"required": True, "schema": {"type": "string"}, "description": _("The methods of this address.")}},
    409: RETRY_AFTER,
    429: RETRY_AFTER,
    503: RETRY_AFTER,
}

ALWAYS_POSSIBLE = {"malformed_request", "not_found", "method_not_allowed", "throttled", "internal_error", "unavailable"}
POSSIBLE_WITH_BODY = {
    "contact_blocked",
    "length_required",
    "body_too_large",
    "unsupported_media_type",
    "invalid_fields",
}
POSSIBLE_WITH_KEY = {"idempotency_key_in_flight", "idempotency_key_reused"}
FIELD_ERROR = {"field": "email", "code": "invalid", "message": "Enter a valid email address."}


class InquirlySchema(AutoSchema):
    """Describes what every public operation may answer, whatever the host has set for its own API."""

    def get_operation(self, *args: Any, **kwargs: Any) -> Description | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is not None:
            for response in operation["responses"].values():
                response["headers"] = self.headers(COMMON_HEADERS)
            for status, codes in self.possible_problems(operation).items():
                operation["responses"][str(status)] = self.problem(status, codes)
        return operation

    def get_override_parameters(self) -> list[Any]:
        return [
            OpenApiParameter(name, TOKEN, OpenApiParameter.PATH, description=description)
            for name, description in PATH_PARAMETERS.items()
            if f"{{{name}}}" in self.path
        ]

    def map_parsers(self) -> list[str]:
        return ["application/json"]

    def map_renderers(self, attribute: str) -> list[str]:
        return ["application/json" if attribute == "media_type" else "json"]

    def _get_request_for_media_type(self, serializer: Any, direction: Any = "request") -> tuple[Description, bool]:
        # PATCH takes what PUT and POST take: every field is optional anyway, and so is the body.
        return self.resolve_serializer(serializer, direction).ref, False

    def _insert_field_validators(self, field: Any, schema: Description) -> None:
        """Say of a text that may be blank what it may be, and not that it is one of two texts."""
        super()._insert_field_validators(field, schema)  # type: ignore[no-untyped-call]
        if not getattr(field, "allow_blank", False):
            return
        schema.update(schema.pop("oneOf", [{}])[0])
        if not re.match(schema.get("pattern", ""), ""):
            schema["pattern"] = f"^({schema['pattern'][1:-1]})?$"

    def possible_problems(self, operation: Description) -> dict[int, list[str]]:
        """Return the codes of the refusals that the operation may answer, by status."""
        codes = set(ALWAYS_POSSIBLE)
        if self.view.authentication_classes:
            codes.add("identity_not_proven")
        if self.method not in SAFE_METHODS:
            codes |= POSSIBLE_WITH_BODY
        if IDEMPOTENCY_KEY in (parameter["name"] for parameter in operation.get("parameters", [])):
            codes |= POSSIBLE_WITH_KEY
        by_status: dict[int, list[str]] = {}
        for code, problem in PROBLEMS.items():
            if code in codes:
                by_status.setdefault(problem.status, []).append(code)
        return by_status

    def problem(self, status: int, codes: list[str]) -> Description:
        """Return a reference to the description of the refusals with this status."""
        return self.component(
            ResolvedComponent.RESPONSE,
            "Or".join(code.title().replace("_", "") for code in codes),
            {
                "description": "\n\n".join(str(PROBLEMS[code].detail) for code in codes),
                "headers": self.headers({**COMMON_HEADERS, **SPECIAL_HEADERS.get(status, {})}),
                "content": {
                    "application/problem+json": {
                        "schema": self.resolve_serializer(ProblemSerializer, "response").ref,
                        "examples": {code: {"value": _example(status, code)} for code in codes},
                    }
                },
            },
        )

    def headers(self, described: dict[str, Description]) -> Description:
        return {name: self.component(ResolvedComponent.HEADER, name, text) for name, text in described.items()}

    def component(self, kind: str, name: str, description: Description) -> Description:
        """Put ``description`` among the components that operations share; return a reference to it."""
        component = ResolvedComponent(name, kind, description, InquirlySchema)  # type: ignore[no-untyped-call]
        self.registry.register_on_missing(component)
        return component.ref


def _example(status: int, code: str) -> Any:
    errors = [FIELD_ERROR] if code == "invalid_fields" else None
    return json.loads(ProblemResponse(status, errors=errors, code=code).content)


class IdentifierHashScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The signature. OpenAPI has words for the one in the query; the one in the body stands among its fields."""

    target_class = "inboxes.authentication.IdentifierHashAuthentication"
    match_subclasses = True
    name = "identifierHash"

    def get_security_requirement(self, auto_schema: AutoSchema) -> Any:
        return super().get_security_requirement(auto_schema) if auto_schema.method in SAFE_METHODS else []

    def get_security_definition(self, auto_schema: AutoSchema) -> Description:
        return {
            "type": "apiKey",
            "in": "query",
            "name": "identifier_hash",
            "description": "Sent together with the parameter identifier, of which it is the signature.",
        }

"""What the exported schema promises is what the API does: schemathesis makes the calls, with all of its checks."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.core.exceptions import ValidationError
from hypothesis import assume
from schemathesis.config import SchemathesisConfig

import contacts
from contacts.attributes import validate_custom_attributes
from inboxes.identity import identifier_hash
from inboxes.strict_json import NotStrict, parse_object
from inquirly_site.wsgi import application

from .factories import ContactInboxFactory

TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")

schema = schemathesis.openapi.from_path(
    Path(contacts.__file__).with_name("openapi.yaml"),
    config=SchemathesisConfig.from_dict({"generation": {"deterministic": True, "max-examples": 20}}),
)
schema.app = application


@pytest.mark.usefixtures("_one_connection")
@pytest.mark.parametrize("signing", [False, True], ids=["as-generated", "signed"])
@schema.parametrize()
def test_calls_do_what_the_schema_says(case, signing):
    session = ContactInboxFactory()
    if case.meta.generation.mode.is_positive:
        assume(is_within_limits(case.body))
    lead_to(session, case.path_parameters)
    if signing and is_signable(case.body):
        case.body["identifier_hash"] = identifier_hash(session.inbox.hmac_token, case.body["identifier"])

    case.call_and_validate()


def lead_to(session, path_parameters: dict[str, Any]) -> None:
    """Let a call that could find something find it; what is no token at all stays as it was generated."""
    real = {"inbox_identifier": session.inbox.identifier, "source_id": session.source_id}
    for name, value in path_parameters.items():
        if TOKEN.fullmatch(str(value)):
            path_parameters[name] = real[name]


def is_signable(body: Any) -> bool:
    sent = body if isinstance(body, dict) else {}
    return all(isinstance(sent.get(name), str) for name in ("identifier", "identifier_hash"))


def is_within_limits(body: Any) -> bool:
    """Return whether ``body`` keeps the limits for which JSON Schema has no words.

    They are those of depth, size, integers and NUL inside of objects; and to JSON Schema, 1.0 is an integer.
    """
    if not isinstance(body, dict):
        return True
    try:
        parse_object(json.dumps(body))
        validate_custom_attributes(body.get("custom_attributes") or {})
    except (NotStrict, ValidationError):
        return False
    return not isinstance(body.get("identifier"), float)

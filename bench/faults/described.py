"""Calls that schemathesis makes of the API's description. Needs schemathesis, and Django's settings."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import schemathesis
from django.core.exceptions import ValidationError
from requests import RequestException
from schemathesis import Case, GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.schemas import OpenApiSchema

import contacts
from bench.calls import INBOX, signed
from contacts.attributes import validate_custom_attributes
from inboxes.headers import IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_PATTERN
from inboxes.strict_json import NotStrict, parse_object
from inboxes.tokens import TOKEN_PATTERN

from .examples import examples
from .twins import Call, Heard, Twin

DESCRIPTION = Path(contacts.__file__).with_name("openapi.yaml")
NUMBER = 10  # calls of each operation, in each mode


def schema(**generation: Any) -> OpenApiSchema:
    """Return the description, from which calls are generated with these options of schemathesis."""
    config = {"generation": generation, "output": {"sanitization": {"enabled": False}}}
    return schemathesis.openapi.from_path(DESCRIPTION, config=SchemathesisConfig.from_dict(config))


def lead_to(real: Mapping[str, str], path_parameters: dict[str, Any]) -> None:
    """Let a call that could find something find it; what is no token at all stays as it was generated."""
    for name, value in path_parameters.items():
        if re.fullmatch(TOKEN_PATTERN, str(value)):
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


def is_taken_all_the_same(body: Any) -> bool:
    """Return whether ``body`` may be right and not as described, as clients are told of one type for each field."""
    sent = body if isinstance(body, dict) else {}
    blank = "" in (sent.get("email"), sent.get("custom_attributes"))
    return blank or isinstance(sent.get("identifier"), int)


def calls(seed: int) -> Iterator[Call]:
    """Return calls of every operation, as the description wants them and not, every second one signed."""
    for operation in schema().get_all_operations():
        for mode in GenerationMode:
            for number, case in enumerate(examples(operation.ok().as_strategy(mode), NUMBER, seed)):
                if not is_taken_all_the_same(case.body) if mode.is_negative else is_within_limits(case.body):
                    yield _call(case, number, f"{seed}-{operation.ok().label}-{mode}-{number}".replace(" ", "-"))


def _call(case: Case, number: int, key: str) -> Call:
    if number % 2 and is_signable(case.body):
        case.body |= signed(case.body["identifier"])
    if re.fullmatch(IDEMPOTENCY_KEY_PATTERN, str(case.headers.get(IDEMPOTENCY_KEY))):
        case.headers[IDEMPOTENCY_KEY] = key  # each is for one body, and the same ones are generated again and again
    alone = Lock()  # there is one case for both

    def send(twin: Twin, attempt: int) -> Heard:
        with alone:
            lead_to({"inbox_identifier": INBOX, "source_id": twin.sessions[number // 2 % 2]}, case.path_parameters)
            try:
                answer = case.call(base_url=f"http://{twin.address}")
                case.validate_response(answer)
            except RequestException:  # the client refuses to send such a thing, or the server hung up
                return Heard([])
            except FailureGroup as failures:
                return Heard([answer.status_code], " ".join(str(failure) for failure in failures.exceptions))
            return Heard([answer.status_code])

    return Call(case.as_curl_command(), send)

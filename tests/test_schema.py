"""The OpenAPI description: the exported file is current, and real answers are as it says."""

import json
import os
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client
from django.utils import translation
from jsonschema import Draft202012Validator

import contacts
from inboxes.identity import identifier_hash
from inboxes.problems import USUAL_CODES

from .api import INBOXES, contact_url, contacts_url, create_contact, create_with_key, read_contact, signed

EXPORTED = Path(contacts.__file__).with_name("openapi.yaml")
EXPORT = (
    "DJANGO_DEBUG=true python manage.py spectacular --lang en --validate --fail-on-warn --file contacts/openapi.yaml"
)
DOCUMENT = yaml.safe_load(EXPORTED.read_text())
OPERATIONS = {operation["operationId"]: operation for path in DOCUMENT["paths"].values() for operation in path.values()}
# What a host may have set for its own API.
HOST_SETTINGS = {
    "OAS_VERSION": "3.0.3",
    "COMPONENT_SPLIT_PATCH": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENFORCE_NON_BLANK_FIELDS": True,
    "CAMELIZE_NAMES": True,
    "SORT_OPERATION_PARAMETERS": False,
    "SCHEMA_PATH_PREFIX": "/public",
    "DISABLE_DOCSTRING_DESCRIPTIONS": True,
    "PARSER_WHITELIST": ["rest_framework.parsers.FormParser"],
    "RENDERER_WHITELIST": ["rest_framework.renderers.JSONRenderer"],
}


def generate(**options) -> str:
    output = StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=output, **options)
    return output.getvalue()


def described(part, kind: str):
    """Return ``part``, or the component that it refers to."""
    return DOCUMENT["components"][kind][part["$ref"].rpartition("/")[2]] if "$ref" in part else part


def schema_errors(schema, value) -> list[str]:
    validator = Draft202012Validator({**schema, "components": DOCUMENT["components"]})
    return [error.message for error in validator.iter_errors(value)]


def assert_as_described(response, operation_id: str) -> None:
    """Compare status, media type, body and headers with what the schema says of this operation."""
    description = described(OPERATIONS[operation_id]["responses"][str(response.status_code)], "responses")
    [(media_type, content)] = description["content"].items()
    assert response.headers["Content-Type"] == media_type
    assert schema_errors(content["schema"], json.loads(response.content)) == []
    for name, header in description["headers"].items():
        header = described(header, "headers")
        assert name in response.headers or not header.get("required")
        if name in response.headers:
            value = response.headers[name]
            assert schema_errors(header["schema"], int(value) if header["schema"]["type"] == "integer" else value) == []


@pytest.mark.parametrize("language", ["en", "de", "ar"])
def test_the_exported_schema_is_current(language):
    with translation.override(language):
        current = generate(lang="en")

    assert EXPORTED.read_text() == current, f"The API has changed: export its schema with `{EXPORT}`."


def test_the_command_finds_nothing_to_warn_of():
    command = [sys.executable, "manage.py", "spectacular", "--validate", "--fail-on-warn"]
    environment = {"DJANGO_DEBUG": "true", "PATH": os.environ["PATH"]}
    run = subprocess.run(
        command, cwd=EXPORTED.parent.parent, env=environment, capture_output=True, text=True, check=False
    )

    assert (run.returncode, run.stderr) == (0, "")


def test_the_schema_is_right_whatever_a_host_has_set_for_its_own_api():
    document = yaml.safe_load(generate(lang="en", custom_settings="tests.test_schema.HOST_SETTINGS"))

    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert [sorted(operation["responses"]) for operation in operations] == [
        sorted(operation["responses"]) for operation in OPERATIONS.values()
    ]
    bodies = [operation["requestBody"]["content"] for operation in operations if "requestBody" in operation]
    assert [list(content) for content in bodies] == [["application/json"]] * 3
    assert {media_type for operation in operations for media_type in operation["responses"]["200"]["content"]} == {
        "application/json"
    }


def test_every_status_of_every_call_is_described():
    always = ["200", "400", "404", "405", "429", "500", "503"]
    with_body = sorted([*always, "401", "403", "411", "413", "415", "422"])
    with_key = sorted([*with_body, "409"])

    assert {name: sorted(operation["responses"]) for name, operation in OPERATIONS.items()} == {
        "inbox_read": always,
        "contact_create": with_key,
        "contact_read": sorted([*always, "401"]),
        "contact_update": with_body,
        "contact_update_by_put": with_body,
    }
    assert {*with_key} == {"200", *map(str, USUAL_CODES)}


def examples():
    """Yield every example with the schema that it has to follow."""
    for name, operation in OPERATIONS.items():
        contents = {"request": operation.get("requestBody", {"content": {}})["content"]} | {
            status: described(response, "responses")["content"] for status, response in operation["responses"].items()
        }
        for where, content in contents.items():
            for media_type in content.values():
                for key, example in media_type["examples"].items():
                    yield pytest.param(media_type["schema"], example["value"], id=f"{name}-{where}-{key}")


@pytest.mark.parametrize(("schema", "value"), list(examples()))
def test_examples_are_as_described(schema, value):
    assert schema_errors(schema, value) == []


def test_the_signed_example_is_signed_with_the_key_that_the_docs_name():
    content = OPERATIONS["contact_create"]["requestBody"]["content"]["application/json"]
    sent = content["examples"]["Signed"]["value"]

    assert sent["identifier_hash"] == identifier_hash("tok", sent["identifier"])


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["Signed", "Anonymous"])
def test_the_examples_of_a_create_work(client, inbox, name):
    inbox.hmac_token = "tok"
    inbox.save()
    content = OPERATIONS["contact_create"]["requestBody"]["content"]["application/json"]

    response = create_contact(client, inbox, **content["examples"][name]["value"])

    assert response.status_code == 200


def test_200_of_an_inbox_is_as_described(client, inbox):
    response = client.get(f"{INBOXES}/{inbox.identifier}", headers={"Origin": "https://example.com"})

    assert response.status_code == 200
    assert_as_described(response, "inbox_read")


def test_200_of_a_create_with_a_key_is_as_described(client, inbox):
    [parameter] = [one for one in OPERATIONS["contact_create"]["parameters"] if one["in"] == "header"]
    key = str(uuid4())

    answers = [create_with_key(client, inbox, key) for _time in range(2)]

    assert (parameter["name"], schema_errors(parameter["schema"], key)) == ("Idempotency-Key", [])
    assert [answer.status_code for answer in answers] == [200, 200]
    assert_as_described(answers[1], "contact_create")


def test_no_key_is_filled_in_as_all_who_sent_it_would_share_a_session():
    [parameter] = [one for one in OPERATIONS["contact_create"]["parameters"] if one["in"] == "header"]

    assert not parameter.keys() & {"example", "examples"}
    assert not parameter["schema"].keys() & {"default", "example", "examples"}


def test_a_pattern_means_the_same_to_every_client():
    """Some cannot look around, and some take a bracket in brackets for the begin of other ones."""
    patterns = sorted(set(re.findall(r'"pattern": "(.+?)"[,}]', json.dumps(DOCUMENT, ensure_ascii=False))))
    patterns = [json.loads(f'"{pattern}"') for pattern in patterns]
    within = [inside for pattern in patterns for inside in re.findall(r"(?<!\\)\[((?:\\.|[^\]\\])*)\]", pattern)]

    assert len(patterns) > 5
    assert not [pattern for pattern in patterns if re.search(r"\(\?<?[=!]", pattern)]
    assert not [inside for inside in within if re.search(r"(?<!\\)\[", inside)]


def test_generators_of_clients_are_given_one_type_for_each_field():
    fields = DOCUMENT["components"]["schemas"]["ContactFields"]["properties"]

    assert {name: field.get("type") for name, field in fields.items()} == {
        **{name: ["string", "null"] for name in fields},
        "custom_attributes": ["object", "null"],
    }
    assert not [name for name, field in fields.items() if {"oneOf", "anyOf", "allOf"} & field.keys()]


@pytest.mark.parametrize("name", ["identifier", "name", "phone_number", "avatar_url"])
def test_what_counts_as_not_sent_is_as_described(name):
    field = DOCUMENT["components"]["schemas"]["ContactFields"]["properties"][name]

    assert schema_errors(field, "") == schema_errors(field, None) == []


@pytest.mark.parametrize("fields", [{}, {"name": "Ada", "email": "a@example.com", "phone_number": "+12025550123"}])
def test_200_of_a_create_is_as_described(client, inbox, fields):
    response = create_contact(client, inbox, **fields)

    assert response.status_code == 200
    assert_as_described(response, "contact_create")


def test_200_of_a_read_is_as_described(client, customer):
    response = read_contact(client, customer)

    assert response.status_code == 200
    assert_as_described(response, "contact_read")


@pytest.mark.parametrize(("method", "operation_id"), [("PATCH", "contact_update"), ("PUT", "contact_update_by_put")])
def test_200_of_an_update_is_as_described(client, visitor, method, operation_id):
    response = client.generic(method, contact_url(visitor), '{"name": "Ada"}', content_type="application/json")

    assert response.status_code == 200
    assert_as_described(response, operation_id)


def refuse_400(client, session):
    return client.post(contacts_url(session.inbox), "{", content_type="application/json")


def refuse_401(client, session):
    return create_contact(client, session.inbox, identifier="user-7", identifier_hash="0" * 64)


def refuse_403(client, session):
    session.contact.blocked = True
    session.contact.verify("user-7")
    session.contact.save()
    return create_contact(client, session.inbox, **signed(session.inbox, "user-7"))


def refuse_404(client, session):
    return client.post(f"{INBOXES}/unknown/contacts", {}, content_type="application/json")


def refuse_405(client, session):
    return client.delete(contacts_url(session.inbox))


def refuse_411(client, session):
    return client.post(contacts_url(session.inbox), CONTENT_LENGTH="", HTTP_TRANSFER_ENCODING="chunked")


def refuse_413(client, session):
    return create_contact(client, session.inbox, name="x" * 102_400)


def refuse_415(client, session):
    return client.post(contacts_url(session.inbox), {"name": "Ada"})


def refuse_422(client, session):
    return create_contact(client, session.inbox, email="ada", phone_number=7)


def refuse_503(client, session):
    def away(*args):
        raise OperationalError

    with connection.execute_wrapper(away):
        return create_contact(client, session.inbox)


@pytest.mark.parametrize(
    "refuse",
    [
        refuse_400,
        refuse_401,
        refuse_403,
        refuse_404,
        refuse_405,
        refuse_411,
        refuse_413,
        refuse_415,
        refuse_422,
        refuse_503,
    ],
)
def test_a_refusal_is_as_described(client, visitor, refuse):
    response = refuse(client, visitor)

    assert str(response.status_code) == refuse.__name__[-3:]
    assert_as_described(response, "contact_create")


def test_429_is_as_described(client, inbox, settings):
    settings.INQUIRLY_THROTTLE_RATES = {"create": "1/h"}
    create_contact(client, inbox)

    response = create_contact(client, inbox)

    assert response.status_code == 429
    assert_as_described(response, "contact_create")


def test_500_is_as_described(inbox, settings):
    settings.INQUIRLY_THROTTLE_RATES = {"create": "a misspelt rate"}

    response = create_contact(Client(raise_request_exception=False), inbox)

    assert response.status_code == 500
    assert_as_described(response, "contact_create")

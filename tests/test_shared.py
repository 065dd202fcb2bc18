"""Serializers that all threads share keep nothing of a request."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.utils import translation
from rest_framework.exceptions import ValidationError

from contacts.models import Contact, ContactInbox
from contacts.serializers import ContactInboxSerializer, ContactSerializer
from inboxes.views import shared

THREADS = 8
ROUNDS = 300


def validate(number):
    """Return how ``number``'s fields come out: valid ones, and in every third call an error."""
    fields = {"name": f"Name {number}", "email": f"N{number}@Example.com", "custom_attributes": {"number": number}}
    if number % 3 == 0:
        fields["phone_number"] = f"not {number}"
    try:
        return shared(ContactSerializer).run_validation(fields)
    except ValidationError as error:
        return sorted(error.detail)


def expected(number):
    fields = {"name": f"Name {number}", "email": f"n{number}@example.com", "custom_attributes": {"number": number}}
    return fields if number % 3 else ["phone_number"]


def represent(number):
    contact = Contact(pk=number, name=f"Name {number}")
    contact_inbox = ContactInbox(contact=contact, source_id=f"source-{number}", pubsub_token=f"token-{number}")
    return shared(ContactInboxSerializer).to_representation(contact_inbox)


def represented(number):
    return {
        "id": number,
        "source_id": f"source-{number}",
        "pubsub_token": f"token-{number}",
        "name": f"Name {number}",
        "email": None,
        "phone_number": None,
    }


def test_there_is_one():
    assert shared(ContactSerializer) is shared(ContactSerializer)


@pytest.mark.parametrize(
    ("use", "result"),
    [
        pytest.param(validate, expected, id="validation"),
        pytest.param(represent, represented, id="answer"),
    ],
)
def test_threads_that_use_it_at_once_get_what_is_theirs(use, result):
    shared.cache_clear()
    with ThreadPoolExecutor(THREADS) as pool:
        results = list(pool.map(use, range(THREADS * ROUNDS)))

    assert results == [result(number) for number in range(THREADS * ROUNDS)]


def test_it_keeps_nobody_s_language():
    shared.cache_clear()
    messages = []
    for language in ("de", "en"):
        with translation.override(language), pytest.raises(ValidationError) as refused:
            shared(ContactSerializer).run_validation({"name": "x" * 256})
        messages.append(str(refused.value.detail["name"][0]))

    assert messages[0].startswith("Bitte sicherstellen")
    assert messages[1] == "Ensure this value has at most 255 characters (it has 256)."

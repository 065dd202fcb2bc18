"""At once or after a look under a lock: whoever calls cannot tell which it was."""

from datetime import datetime

import pytest
from django.db import transaction
from django.utils import timezone

from contacts import at_once
from contacts.signals import contact_updated

from .api import signed, stored, update_contact
from .factories import ContactFactory, ContactInboxFactory

CONTACTS = {
    "visitor": {"identifier": None, "email": "ada@example.com"},
    "claimant": {"identifier": None, "claimed_identifier": "user-7"},
    "shared": {"identifier": None, "claimed_identifier": "user-7", "claim_shared": True},
    "verified": {"identifier": "user-7", "email": "ada@example.com", "custom_attributes": {"plan": "pro"}},
    "somebody": {"identifier": "user-8"},
    "blocked": {"identifier": None, "blocked": True},
    "blocked, verified": {"identifier": "user-7", "blocked": True},
}
FIELDS = [
    {},
    {"name": "Grace"},
    {"email": "ada@example.com"},
    {"email": "grace@example.com"},
    {"phone_number": "+12025550199"},
    {"name": "Grace", "email": "grace@example.com", "phone_number": "+12025550199"},
    {"identifier": "user-7"},
    {"name": "Grace", "avatar_url": "https://example.com/1.png", "custom_attributes": {"a": 1}},
]


@pytest.fixture
def heard():
    """What receivers of ``contact_updated`` have heard: the names of the changed fields."""
    names = []
    contact_updated.connect(listener := lambda changed, **kwargs: names.append(changed))
    yield names
    contact_updated.disconnect(listener)


@pytest.fixture
def outcome(client, heard, monkeypatch, django_capture_on_commit_callbacks):
    """Return what becomes of a change that may be made at once, or may not; nothing of it stays."""
    suits = at_once.suits

    def come_out(session, sent, *, allowed):
        heard.clear()
        monkeypatch.setattr(at_once, "suits", lambda *args, **kwargs: allowed and suits(*args, **kwargs))
        began = timezone.now()
        with transaction.atomic():
            with django_capture_on_commit_callbacks(execute=True):
                response = update_contact(client, session, **sent)
            rows = [told(row, session, began) for row in [response.json(), *stored()]]
            transaction.set_rollback(True)
        return response.status_code, rows, list(heard)

    return come_out


def told(row, session, began):
    """Return the row without what differs each time: of moments whether they are new, of ids and tokens whether."""
    kept = {session.contact_id, session.pk, session.source_id, session.pubsub_token}
    moments = {name: value >= began for name, value in row.items() if isinstance(value, datetime)}
    new = {
        name: row[name] in kept or "new" for name in ("id", "contact_id", "source_id", "pubsub_token") if name in row
    }
    return {**row, **moments, **new}


@pytest.mark.parametrize("flag", [None, "match_claims", "hmac_mandatory"])
@pytest.mark.parametrize("is_signed", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize("hmac_verified", [False, True], ids=["session", "signed-in"])
@pytest.mark.parametrize("contact", CONTACTS.values(), ids=CONTACTS)
def test_a_change_comes_to_the_same_either_way(inbox, outcome, contact, flag, is_signed, hmac_verified):
    if flag:
        setattr(inbox, flag, True)
        inbox.save()
    contact = ContactFactory(account=inbox.account, **contact)
    session = ContactInboxFactory(inbox=inbox, contact=contact, hmac_verified=hmac_verified)

    for fields in FIELDS:
        sent = {**fields, **signed(inbox, "user-7")} if is_signed else fields
        assert outcome(session, sent, allowed=True) == outcome(session, sent, allowed=False), sent


def test_a_change_at_once_loads_all_that_receivers_may_read(client, inbox, outcome):
    """A field left out would cost each of them a query."""
    contacts = []
    contact_updated.connect(listener := lambda contact, **kwargs: contacts.append(contact))
    outcome(ContactInboxFactory(inbox=inbox), {"name": "Grace"}, allowed=True)
    contact_updated.disconnect(listener)

    (contact,) = contacts
    assert contact.get_deferred_fields() == set()
    assert contact.name == "Grace"

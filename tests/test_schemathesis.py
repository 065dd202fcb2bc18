"""What the exported schema promises is what the API does: schemathesis makes the calls, with all of its checks."""

import pytest
from hypothesis import assume

from bench.faults import described
from bench.faults.described import is_signable, is_taken_all_the_same, is_within_limits, lead_to
from inboxes.identity import identifier_hash
from inquirly_site.wsgi import application

from .factories import ContactInboxFactory

schema = described.schema(deterministic=True, **{"max-examples": 20})
schema.app = application


@pytest.mark.usefixtures("_one_connection")
@pytest.mark.parametrize("signing", [False, True], ids=["as-generated", "signed"])
@schema.parametrize()
def test_calls_do_what_the_schema_says(case, signing):
    session = ContactInboxFactory()
    positive = case.meta.generation.mode.is_positive
    assume(is_within_limits(case.body) if positive else not is_taken_all_the_same(case.body))
    lead_to({"inbox_identifier": session.inbox.identifier, "source_id": session.source_id}, case.path_parameters)
    if signing and is_signable(case.body):
        case.body["identifier_hash"] = identifier_hash(session.inbox.hmac_token, case.body["identifier"])

    case.call_and_validate()

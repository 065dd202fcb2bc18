"""The OpenAPI description of the calls on contacts, with an example of each.

After a change, write ``openapi.yaml`` anew, as ``CONTRIBUTING.md`` says.
"""

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view

from inboxes.headers import IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_PATTERN

from .serializers import ContactInboxSerializer, ContactSerializer

# Signed with the hmac_token "tok".
SIGNATURE = {
    "identifier": "user-42",
    "identifier_hash": "7385c41a8c92307f1f87687604f9fbdba592e3762e9c689972bf75150abd798a",
}
KNOWN_CONTACT = {
    "id": 42,
    "source_id": "3oFbFFkU2yGr0YkwmEMzXaSYuTrDwKqn",
    "pubsub_token": "q5n1WbHhTTSPx8ylOmSH1f5tqUYdJ0Zr",
    "name": "Ada Lovelace",
    "email": "ada@example.com",
    "phone_number": "+12025550123",
}
UNKNOWN_CONTACT = {**KNOWN_CONTACT, "name": "", "email": None, "phone_number": None}

SIGNED = OpenApiExample(
    "signed",
    {
        **SIGNATURE,
        "name": "Ada Lovelace",
        "email": "ada@example.com",
        "phone_number": "+1 (202) 555-0123",
        "avatar_url": "https://example.com/ada.png",
        "custom_attributes": {"plan": "pro", "company": {"size": 12}},
    },
    summary=_("Somebody your site knows: the hash proves the identifier"),
    request_only=True,
)
SIGN_IN = OpenApiExample("sign_in", SIGNATURE, summary=_("A visitor who has signed in to your site"), request_only=True)
ANONYMOUS = OpenApiExample("anonymous", {}, summary=_("A visitor of whom nothing is known"), request_only=True)
CHANGE = OpenApiExample(
    "change",
    {"name": "Ada King", "custom_attributes": {"plan": None}},
    summary=_("A new name, and one attribute less"),
    request_only=True,
)
KNOWN = OpenApiExample("known", KNOWN_CONTACT, summary=_("A contact with all fields"), response_only=True)
UNKNOWN = OpenApiExample("unknown", UNKNOWN_CONTACT, summary=_("An anonymous visitor"), response_only=True)

KEY = OpenApiParameter(
    IDEMPOTENCY_KEY,
    {"type": "string", "pattern": f"^{IDEMPOTENCY_KEY_PATTERN}$"},
    OpenApiParameter.HEADER,
    description=_(
        "Your name for this request, so that you can send it again when no answer arrives: 1 to 255 visible ASCII "
        "characters. For 24 hours, the same key with the same body gets the first answer again, with its session; with "
        "another body it is refused. Refusals are not kept. Take a random key for every request, such as a UUID, and "
        "keep it secret: whoever knows it and the body gets the session."
    ),
    # No example: pages that send calls fill it in, and all who try the call would get the same session.
)
CONTACT = {200: OpenApiResponse(ContactInboxSerializer, _("The contact, as it is now."))}
OPENED = {
    200: OpenApiResponse(
        ContactInboxSerializer,
        _("The contact, as it is now; with an `Idempotency-Key` that came before, the first answer."),
    )
}
QUERY = [
    OpenApiParameter("identifier", description=_("The identifier of this contact, where the call is signed.")),
    OpenApiParameter("identifier_hash", description=_("Its signature, as in the body of the other calls.")),
]
UPDATE = _(
    """\
Stores the fields that are sent and leaves the others. `null` and `""` count as not sent.
In `custom_attributes`, objects merge deeply, lists are replaced and `null` removes a key.

- Unsigned, everything can change while the contact is unverified; later only `name`, `avatar_url` and
  `custom_attributes`.
- Signed with the identifier of this contact, everything can change but the identifier.
- The first signed update of a session that was opened unsigned is a sign-in: the contact becomes verified, or what is
  known of the visitor goes over to the contact that has this identifier already. The answer then bears a new
  `source_id` and a new `pubsub_token`; the old ones are no longer valid."""
)

describe_contacts = extend_schema_view(
    create=extend_schema(
        operation_id="contact_create",
        tags=["contacts"],
        summary=_("Open a session"),
        description=_(
            "Signed, it is a session of the one contact with this identifier, which is made if need be, and the fields "
            "that are sent are stored.\n\nUnsigned, it is a session of a new contact, whatever identifier, email or "
            "phone number it names. Only inboxes that are set to match claims look for an unverified contact with the "
            "same claimed identifier."
        ),
        parameters=[KEY],
        request=ContactSerializer,
        responses=OPENED,
        examples=[ANONYMOUS, SIGNED, KNOWN, UNKNOWN],
    ),
    retrieve=extend_schema(
        operation_id="contact_read",
        tags=["contacts"],
        summary=_("Read the contact of a session"),
        description=_(
            "Where the inbox takes signed requests only, a session that was never signed has to be read with "
            "`identifier` and `identifier_hash`; while its contact is unverified, it cannot be read."
        ),
        parameters=QUERY,
        responses=CONTACT,
        examples=[KNOWN, UNKNOWN],
    ),
    partial_update=extend_schema(
        operation_id="contact_update",
        tags=["contacts"],
        summary=_("Change the contact of a session"),
        description=UPDATE,
        request=ContactSerializer,
        responses=CONTACT,
        examples=[CHANGE, SIGN_IN, KNOWN],
    ),
    update=extend_schema(
        operation_id="contact_update_by_put",
        tags=["contacts"],
        summary=_("Change the contact of a session, as PATCH does"),
        description=format_lazy(
            "{}\n\n{}", _("For clients that cannot send PATCH. Fields that are not sent stay as they are."), UPDATE
        ),
        request=ContactSerializer,
        responses=CONTACT,
        examples=[CHANGE, SIGN_IN, KNOWN],
    ),
)

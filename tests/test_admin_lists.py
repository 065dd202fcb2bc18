"""Lists and searches of the admin: what they find, what they never show, and what they cost."""

import re

import pytest
from django.contrib import admin
from django.contrib.admin.templatetags.admin_list import result_headers
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contacts.admin import ContactAdmin
from contacts.merge import merge
from contacts.models import Contact, ContactInbox, ContactMerge
from inboxes import bounded_admin
from inboxes.bounded_admin import MAX_COUNT
from inboxes.models import Account, Inbox

from .admin import act, found, list_url, page_url, staff, told
from .factories import ContactFactory, ContactInboxFactory

pytestmark = pytest.mark.django_db

MERGED = {"mergee_contact_id": 1, "base_contact": {}, "mergee_contact": {}}
MODELS = [Account, Inbox, Contact, ContactInbox, ContactMerge]
HOSTILE_TERMS = [
    pytest.param("\x00", id="nul"),
    pytest.param("user-7\x00", id="nul-at-the-end"),
    pytest.param("a" * 5000, id="5000-characters"),
    pytest.param("\N{SNOWMAN}" * 500, id="500-snowmen"),
    pytest.param("%", id="wildcard"),
    pytest.param("' OR 1=1 --", id="injection"),
    pytest.param("()", id="nothing-but-punctuation-of-phone-numbers"),
    pytest.param("9" * 30, id="more-than-64-bits"),
    pytest.param("\N{SUPERSCRIPT TWO}", id="digit-that-is-no-number"),
]


def autocomplete(client, model, field, term=""):
    """Return the texts that an autocomplete field for ``model.field`` offers."""
    app_label, model_name = model._meta.label_lower.split(".")
    query = {"app_label": app_label, "model_name": model_name, "field_name": field, "term": term}
    response = client.get("/admin/autocomplete/", query)
    assert response.status_code == 200
    return [result["text"] for result in response.json()["results"]]


@pytest.fixture
def merged(customer, visitor):
    """The record of a merge: of a visitor, into a contact with all fields."""
    merge(customer.contact, visitor.contact)
    return ContactMerge.objects.get()


@pytest.mark.parametrize(
    "term",
    [
        pytest.param("user-7", id="identifier"),
        pytest.param(" user-7 ", id="identifier-with-blanks-around-it"),
        pytest.param("ada@example.com", id="email"),
        pytest.param("ADA@Example.com ", id="email-in-capital-letters"),
        pytest.param("+12025550123", id="phone-number"),
        pytest.param("+1 (202) 555-0123", id="phone-number-as-people-write-it"),
        pytest.param(" 12025550123 ", id="phone-number-without-plus"),
        pytest.param("1 202-555-0123", id="phone-number-without-plus-as-people-write-it"),
        pytest.param("+1\u00a0202\u2011555/0123", id="phone-number-as-other-programs-write-it"),
        pytest.param("\u202a(+1) 202 555-0123\u202c", id="phone-number-between-marks-that-nobody-sees"),
    ],
)
def test_a_contact_is_found_by(admin_client, customer, visitor, term):
    assert found(admin_client, Contact, term) == [customer.contact]


@pytest.mark.parametrize(
    "term",
    ["User-7", "user-", "user_7", "user 7", "ada@example", "2025550123", "++12025550123", "1202-555-0123 x", "Ada"],
)
def test_a_contact_is_not_found_by_something_like_its_values(admin_client, customer, term):
    assert found(admin_client, Contact, term) == []


def test_several_terms_are_not_one_phone_number(admin_client, customer):
    assert found(admin_client, Contact, "+1202, 5550123") == []


@pytest.mark.parametrize("model", MODELS)
def test_no_list_offers_another_order_than_the_newest_first(admin_client, customer, merged, model):
    page = admin_client.get(list_url(model))

    assert list(page.context["cl"].result_list) == list(model.objects.order_by("-pk"))
    assert [header["sortable"] for header in result_headers(page.context["cl"])] == [False] * len(
        page.context["cl"].list_display
    )


def test_an_identifier_that_differs_in_normalisation_only_is_another(admin_client):
    composed, decomposed = ContactFactory(identifier="caf\u00e9"), ContactFactory(identifier="cafe\u0301")

    assert found(admin_client, Contact, "caf\u00e9") == [composed]
    assert found(admin_client, Contact, "cafe\u0301") == [decomposed]


def test_a_contact_is_found_by_the_identifier_that_it_claims(admin_client, customer):
    claims = ContactFactory(claimed_identifier="user-7")

    assert found(admin_client, Contact, "user-7") == [claims, customer.contact]


def test_all_who_share_an_email_address_are_found(admin_client, customer):
    others = ContactFactory.create_batch(2, email="ada@example.com")

    assert found(admin_client, Contact, "ada@example.com") == [others[1], others[0], customer.contact]


def test_a_contact_is_found_by_its_number(admin_client, customer, visitor):
    number = customer.contact.pk

    assert found(admin_client, Contact, f" #{number} ") == [customer.contact]
    assert found(admin_client, Contact, "#0") == []


def test_an_identifier_that_looks_like_a_number_finds_its_own_contact_too(admin_client, customer):
    number = f"#{customer.contact.pk}"
    one, both = ContactFactory(identifier=number), ContactFactory(identifier=f"{number}, #0")

    assert found(admin_client, Contact, number) == [one, customer.contact]
    assert found(admin_client, Contact, f"{number}, #0") == [both, one, customer.contact]


def test_nobody_comes_into_a_search_for_a_number_by_a_claim(admin_client, customer):
    number = customer.contact.pk
    for claim in (f"#{number}", f"#{number}, #0", str(number)):
        ContactFactory(claimed_identifier=claim)

    assert found(admin_client, Contact, f"#{number}") == [customer.contact]
    assert found(admin_client, Contact, f"#{number}, #0") == [customer.contact]


def test_an_identifier_that_is_a_number_finds_nobody_by_theirs(admin_client, customer):
    assert found(admin_client, Contact, str(customer.contact.pk)) == []


def test_several_are_found_together_so_that_they_can_be_merged(admin_client, customer, visitor):
    other, _another = ContactFactory.create_batch(2)

    term = f"+1 (202) 555-0123, #{other.pk},{visitor.source_id},, nobody"
    assert found(admin_client, Contact, term) == sorted(
        [customer.contact, visitor.contact, other], key=lambda one: -one.pk
    )


def test_up_to_ten_are_found_together(admin_client, customer):
    rows = ContactFactory.create_batch(11)

    assert found(admin_client, Contact, ",".join(f"#{one.pk}" for one in rows)) == rows[9::-1]


def test_an_identifier_may_have_commas(admin_client):
    lovelace, _other = ContactFactory(identifier="Lovelace, Ada"), ContactFactory(identifier="Lovelace and Ada")

    assert found(admin_client, Contact, "Lovelace, Ada") == [lovelace]


def test_contact_and_session_are_found_by_a_source_id(admin_client, customer, visitor):
    assert found(admin_client, Contact, customer.source_id) == [customer.contact]
    assert found(admin_client, ContactInbox, customer.source_id) == [customer]


def test_blanks_around_a_source_id_do_not_matter(admin_client, customer):
    assert found(admin_client, Contact, f" {customer.source_id} ") == [customer.contact]
    assert found(admin_client, ContactInbox, f" {customer.source_id} ") == [customer]


def test_a_search_that_finds_nothing_says_what_to_write(admin_client, customer):
    page = admin_client.get(list_url(Contact), {"q": "Ada"}).content.decode()

    assert "Write all of an identifier, an email address, a phone number with its country code" in page


def test_the_list_says_of_a_contact_what_fits_beside_it(admin_client, customer):
    ContactFactory(blocked=True)

    page = admin_client.get(list_url(Contact)).content.decode()

    columns = ["id", "name", "email", "phone_number", "identifier", "is_verified", "is_blocked", "last_activity_at"]
    assert admin_client.get(list_url(Contact)).context["cl"].list_display == ["action_checkbox", *columns]
    assert re.findall(r'<td class="field-is_blocked">(.*?)</td>', page) == ["Blocked", ""]


def test_neither_is_found_by_a_pubsub_token(admin_client, customer):
    assert found(admin_client, Contact, customer.pubsub_token) == []
    assert found(admin_client, ContactInbox, customer.pubsub_token) == []


def test_an_inbox_is_found_by_its_identifier_and_by_a_part_of_its_name(admin_client, inbox):
    assert found(admin_client, Inbox, inbox.identifier) == [inbox]
    assert found(admin_client, Inbox, inbox.name[:3].lower()) == [inbox]
    assert found(admin_client, Inbox, inbox.identifier[:-1]) == []
    assert found(admin_client, Inbox, inbox.hmac_token) == []


def test_a_merge_is_found_by_the_number_of_either_contact(admin_client, merged):
    assert found(admin_client, ContactMerge, str(merged.base_contact_id)) == [merged]
    assert found(admin_client, ContactMerge, f"#{merged.mergee_contact_id}") == [merged]
    assert found(admin_client, ContactMerge, f"#0, #{merged.mergee_contact_id}") == [merged]
    assert found(admin_client, ContactMerge, "0") == []


def test_blanks_find_nobody_though_much_is_blank(admin_client, visitor):
    assert [found(admin_client, Contact, term) for term in (" ", "()", "-")] == [[], [], []]


@pytest.mark.parametrize("term", HOSTILE_TERMS)
@pytest.mark.parametrize("model", MODELS)
def test_a_hostile_search_finds_nothing(admin_client, merged, model, term):
    assert found(admin_client, model, term) == []


@pytest.mark.parametrize("term", HOSTILE_TERMS)
def test_a_hostile_term_in_an_autocomplete_field_finds_nothing(admin_client, customer, term):
    assert autocomplete(admin_client, ContactInbox, "contact", term) == []
    assert autocomplete(admin_client, ContactInbox, "inbox", term) == []


def test_a_number_that_is_no_key_is_no_page(admin_client, customer):
    for key in ("0", "9" * 30, "a", "_00", "%00"):
        response = admin_client.get(f"/admin/inquirly_contacts/contact/{key}/change/")
        assert (response.status_code, response.headers["Location"]) == (302, "/admin/")


def test_relations_complete_by_name_and_by_exact_values(admin_client, customer):
    account = customer.inbox.account

    assert autocomplete(admin_client, Contact, "account") == [account.name]
    assert autocomplete(admin_client, Inbox, "account", account.name[:4].lower()) == [account.name]
    assert autocomplete(admin_client, ContactInbox, "contact", "user-7") == [f"#{customer.contact.pk} Ada"]
    assert autocomplete(admin_client, ContactInbox, "contact", "Ada") == []


@pytest.mark.parametrize("query", [{}, {"q": "user-7"}, {"o": "1"}, {"o": "-7.2"}])
def test_the_newest_come_first_whatever_is_asked(admin_client, customer, query):
    newer = ContactFactory(claimed_identifier="user-7")

    response = admin_client.get(list_url(Contact), query)

    assert list(response.context["cl"].result_list) == [newer, customer.contact]


@pytest.mark.parametrize("model", MODELS)
def test_no_list_holds_a_secret(admin_client, customer, merged, model):
    Inbox.objects.update(previous_hmac_token="previous-secret")
    secrets = [customer.source_id, customer.pubsub_token, customer.inbox.hmac_token, "previous-secret"]

    page = admin_client.get(list_url(model)).content.decode()

    assert page_url(model.objects.first()) in page
    assert not [secret for secret in secrets if secret in page]


def test_results_of_a_search_hold_no_other_secret_than_the_one_searched_for(admin_client, customer):
    for model in (Contact, ContactInbox):
        page = admin_client.get(list_url(model), {"q": customer.source_id}).content.decode()
        assert customer.pubsub_token not in page
        assert customer.inbox.hmac_token not in page


@pytest.mark.parametrize("row", ["inbox", "customer"])
def test_secrets_stand_on_a_page_only_as_text_to_read(admin_client, inbox, customer, row):
    row, secrets = {
        "inbox": (inbox, [inbox.hmac_token]),
        "customer": (customer, [customer.source_id, customer.pubsub_token]),
    }[row]

    page = admin_client.get(page_url(row)).content.decode()

    for secret in secrets:
        assert page.count(secret) == 1
        assert f'<div class="readonly">{secret}</div>' in page


def test_the_secrets_of_a_session_take_the_permission_to_view_sessions(customer):
    assert customer.source_id in staff("view_contactinbox").get(page_url(customer)).content.decode()
    assert staff("view_contact", "change_contact").get(page_url(customer)).status_code == 403


def test_the_previous_hmac_token_stands_nowhere(admin_client, inbox):
    Inbox.objects.update(previous_hmac_token="previous-secret")

    assert "previous-secret" not in admin_client.get(page_url(inbox)).content.decode()


@pytest.mark.parametrize("model", MODELS)
def test_a_list_needs_a_permission(merged, model):
    assert staff().get(list_url(model)).status_code == 403
    assert staff(f"view_{model._meta.model_name}").get(list_url(model)).status_code == 200


@pytest.mark.parametrize("model", [ContactInbox, ContactMerge])
def test_what_comes_from_elsewhere_is_only_viewed(admin_client, merged, model):
    row = model.objects.first()

    assert admin_client.get(page_url(row)).status_code == 200
    assert admin_client.post(page_url(row), {}).status_code == 403
    assert admin_client.get(f"{list_url(model)}add/").status_code == 403


def test_the_record_of_a_merge_shows_both_contacts(admin_client, merged):
    page = admin_client.get(page_url(merged)).content.decode()

    assert "&quot;email&quot;: &quot;ada@example.com&quot;" in page
    assert f"#{merged.mergee_contact_id} → #{merged.base_contact_id}" in page


def test_the_record_of_a_merge_can_be_erased(admin_client, merged):
    assert admin_client.post(page_url(merged, "delete"), {"post": "yes"}).status_code == 302
    assert not ContactMerge.objects.exists()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "query", ["hmac_token__startswith=a", "custom_attributes__x=1", "contact_inboxes__source_id=a"]
)
def test_a_filter_typed_into_the_address_is_refused(admin_client, model, query):
    assert admin_client.get(f"{list_url(model)}?{query}").status_code == 400


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("rows", [1, 30])
def test_a_list_takes_the_same_queries_however_long_it_is(admin_client, django_assert_num_queries, model, rows):
    for _number in range(rows):
        session = ContactInboxFactory()
        merge(session.contact, ContactFactory(account=session.contact.account))

    with django_assert_num_queries(4):  # the login session, the user, the number of rows, the rows
        admin_client.get(list_url(model))


def test_no_sessions_belong_to_a_number_that_is_no_key(admin_client, visitor):
    response = admin_client.get(list_url(ContactInbox), {"contact__id": "9" * 20})

    assert response.status_code == 200
    assert list(response.context["cl"].result_list) == []


def test_rows_are_counted_to_a_limit(admin_client):
    with CaptureQueriesContext(connection) as captured:
        admin_client.get(list_url(Contact))

    counts = [query["sql"] for query in captured if "COUNT(" in query["sql"]]
    assert len(counts) == 1
    assert f"LIMIT {MAX_COUNT})" in counts[0]


def test_what_is_beyond_the_limit_is_neither_counted_nor_paged_through(admin_client, inbox):
    rows = [Contact(account=inbox.account, name="Ada") for _number in range(MAX_COUNT + 1)]
    Contact.objects.bulk_create(rows)

    changelist = admin_client.get(list_url(Contact)).context["cl"]

    assert (changelist.result_count, changelist.paginator.num_pages) == (MAX_COUNT, 100)
    assert len(changelist.result_list) == 100


@pytest.mark.parametrize("everything", ["1", "true"])
def test_all_of_a_list_are_acted_on_unless_they_are_too_many(admin_client, inbox, monkeypatch, everything):
    monkeypatch.setattr(bounded_admin, "MAX_AT_ONCE", 2)
    first = ContactFactory.create_batch(2, account=inbox.account)[0]
    assert act(admin_client, "delete_selected", first, select_across=everything).context["queryset"].count() == 2
    ContactFactory(account=inbox.account)

    refused = act(admin_client, "delete_selected", first, post="yes", select_across=everything)

    assert told(refused) == ["These are more than 2, too many to act on at once. Search first, or tick fewer."]
    assert Contact.objects.count() == 3


def test_as_many_as_an_action_takes_can_be_sent(admin_client, inbox):
    Contact.objects.bulk_create([Contact(account=inbox.account) for _number in range(bounded_admin.MAX_AT_ONCE)])
    rows = list(Contact.objects.all())

    assert act(admin_client, "delete_selected", *rows, post="yes").status_code == 200
    assert not Contact.objects.exists()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="asks PostgreSQL how it finds rows")
def test_no_page_scans_contacts_or_sessions(admin_client, inbox):
    session = _fill(inbox, 100_000)
    ContactFactory(account=inbox.account, email="90@example.com", phone_number=session.contact.phone_number)
    pages = [(list_url(model), {"q": term}) for model in (Contact, ContactInbox) for term in _terms(session)]
    pages += [(list_url(model), {"p": page}) for model in (Contact, ContactInbox) for page in (1, 3, 100)]
    pages += [(list_url(Contact), {"o": "3"}), (list_url(ContactInbox), {"contact__id": session.contact_id})]
    rows = [session, session.contact, Contact.objects.get(email="60@example.com")]
    pages += [(page_url(row, page), {}) for row in rows for page in ("change", "delete")]
    pages.append((list_url(ContactMerge), {"q": f"1, {session.contact_id}"}))
    for term in ("", *_terms(session)):
        field = {"app_label": "inquirly_contacts", "model_name": "contactinbox", "field_name": "contact"}
        pages.append(("/admin/autocomplete/", {**field, "term": term}))

    for url, query in pages:
        with CaptureQueriesContext(connection) as captured:
            assert admin_client.get(url, query).status_code == 200
        assert _scans(captured) == [], (url, query)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="asks SQLite how it finds rows")
def test_no_search_and_no_page_of_a_contact_scans_on_sqlite(admin_client, customer):
    term = "user-7, ada@example.com, +12025550123, #7"

    with CaptureQueriesContext(connection) as captured:
        for url, query in [(list_url(Contact), {"q": term}), (page_url(customer.contact), {})]:
            assert admin_client.get(url, query).status_code == 200

    queries = [one["sql"] for one in captured if 'FROM "inquirly_contacts' in one["sql"]]
    with connection.cursor() as cursor:
        plans = [cursor.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall() for sql in queries]
    steps = [step for plan in plans for (*_numbers, step) in plan]
    assert len(queries) > 4
    assert [step for step in steps if step.startswith("SCAN inquirly_contacts") or "_account_id" in step] == []


def _fill(inbox, number):
    """Make contacts of all kinds with a session each, and return one of these."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO inquirly_contacts_contact
                (account_id, identifier, claimed_identifier, claim_shared, name, email, phone_number, avatar_url,
                 custom_attributes, blocked, last_activity_at, created_at, updated_at)
            SELECT %s, CASE WHEN n %% 2 = 0 THEN 'user-' || n END, CASE WHEN n %% 2 = 1 THEN 'user-' || n ELSE '' END,
                false, 'Ada', CASE WHEN n %% 3 = 0 THEN n || '@example.com' ELSE '' END,
                CASE WHEN n %% 5 = 0 THEN '+4930' || 1000000 + n ELSE '' END, '', '{}', false, now(), now(), now()
            FROM generate_series(1, %s) n
            """,
            [inbox.account_id, number],
        )
        cursor.execute(
            """
            INSERT INTO inquirly_contacts_contactinbox
                (inbox_id, contact_id, source_id, pubsub_token, hmac_verified, created_at, last_seen_at)
            SELECT %s, id, 'source-' || id, 'token-' || id, false, now(), now() FROM inquirly_contacts_contact
            """,
            [inbox.pk],
        )
        cursor.execute(
            """
            INSERT INTO inquirly_contacts_idempotencykey
                (inbox_id, key, fingerprint, answer, contact_inbox_id, created_at)
            SELECT inbox_id, 'key-' || id, '', '', id, now() FROM inquirly_contacts_contactinbox
            """
        )
        cursor.execute(
            """
            INSERT INTO inquirly_contacts_contactmerge
                (account_id, base_contact_id, mergee_contact_id, base_contact, mergee_contact, created_at)
            SELECT account_id, id, id + 1, '{}', '{}', now() FROM inquirly_contacts_contact
            """
        )
        cursor.execute("ANALYZE")
    return ContactInbox.objects.select_related("contact").latest("pk")


def _terms(session):
    terms = ["user-30", "user-31", "30@example.com", "+49301000030", "49301000030", "nobody", session.source_id, "#30"]
    return [*terms, ", ".join(terms)]


def _scans(captured):
    """Return the captured queries that read one of the large tables from end to end."""
    scans = []
    for sql in [query["sql"] for query in captured if query["sql"].startswith("SELECT")]:
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN " + sql.replace("%", "%%"))
            plan = "\n".join(line for (line,) in cursor)
        if "Seq Scan on inquirly_contacts" in plan:
            scans.append((sql, plan))
    return scans


def test_a_host_can_put_a_theme_under_these_pages(rf, customer):
    class ThemeModelAdmin(admin.ModelAdmin):
        change_form_template = "theme/change_form.html"
        list_per_page = 7

        def get_queryset(self, request):
            return super().get_queryset(request).none()

    class ThemedContactAdmin(ContactAdmin, ThemeModelAdmin):
        pass

    request = rf.get("/")
    request.user = User(is_superuser=True, is_active=True)
    themed = ThemedContactAdmin(Contact, admin.site)
    changelist = themed.get_changelist_instance(request)

    assert (themed.change_form_template, changelist.list_per_page) == ("theme/change_form.html", 7)
    assert list(changelist.queryset) == []

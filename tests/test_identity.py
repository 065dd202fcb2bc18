"""The hash that proves an identifier, and the keys it is made with."""

from datetime import timedelta

import pytest
from django.utils import timezone

from inboxes import identity
from inboxes.identity import Identity, IdentityRejected, identifier_hash, rotate_hmac_token, verify

from .factories import InboxFactory


def test_the_hash_is_the_one_of_the_check_vector():
    assert identifier_hash("tok", "user-42") == "7385c41a8c92307f1f87687604f9fbdba592e3762e9c689972bf75150abd798a"


def test_a_right_hash_proves_the_identifier(inbox):
    assert verify(inbox, "user-7", identifier_hash(inbox.hmac_token, "user-7")) == Identity(inbox, "user-7")


def test_an_integer_is_proven_as_its_decimal_text(inbox):
    assert verify(inbox, 42, identifier_hash(inbox.hmac_token, "42")) == Identity(inbox, "42")


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param("User-7", id="capital"),
        pytest.param(" user-7", id="space-before"),
        pytest.param("user-7 ", id="space-after"),
        pytest.param("user\N{NON-BREAKING HYPHEN}7", id="look-alike"),
    ],
)
def test_the_hash_of_another_spelling_proves_nothing(inbox, spelling):
    with pytest.raises(IdentityRejected):
        verify(inbox, "user-7", identifier_hash(inbox.hmac_token, spelling))


def test_two_normal_forms_of_a_text_are_two_identifiers(inbox):
    composed, decomposed = "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "cafe\N{COMBINING ACUTE ACCENT}"

    with pytest.raises(IdentityRejected):
        verify(inbox, composed, identifier_hash(inbox.hmac_token, decomposed))


@pytest.mark.parametrize(
    ("identifier", "proof"),
    [
        pytest.param("user-7", "0" * 64, id="wrong"),
        pytest.param("user-7", "\N{SNOWMAN}", id="not-ascii"),
        pytest.param("user-7", "\ud800", id="surrogate-hash"),
        pytest.param("user-7", 7, id="integer-hash"),
        pytest.param("user-7", ["0"], id="list-hash"),
        pytest.param("\ud800", "0" * 64, id="surrogate-identifier"),
        pytest.param(None, "0" * 64, id="no-identifier"),
        pytest.param(True, identifier_hash("tok", "True"), id="boolean-identifier"),
        pytest.param(1.0, identifier_hash("tok", "1.0"), id="float-identifier"),
        pytest.param({}, "0" * 64, id="object-identifier"),
        pytest.param("", identifier_hash("tok", ""), id="empty-identifier-rightly-hashed"),
        pytest.param("user-7", identifier_hash("tok", "user-7").upper(), id="upper-case"),
        pytest.param("user-7", identifier_hash("tok", "user-7")[:32], id="half"),
    ],
)
def test_what_is_no_right_hash_is_rejected(db, identifier, proof):
    inbox = InboxFactory(hmac_token="tok")

    with pytest.raises(IdentityRejected):
        verify(inbox, identifier, proof)


def test_a_hash_with_another_inboxs_key_is_rejected_within_one_account(inbox):
    other = InboxFactory(account=inbox.account)

    with pytest.raises(IdentityRejected):
        verify(inbox, "user-7", identifier_hash(other.hmac_token, "user-7"))


@pytest.mark.parametrize("blank", [None, "", " ", "\t\n"])
def test_a_blank_hash_counts_as_not_sent(blank):
    assert identity.is_blank(blank)


@pytest.mark.parametrize("sent", ["0", 0, False, [], {}])
def test_anything_else_counts_as_a_hash(sent):
    assert not identity.is_blank(sent)


def test_after_rotation_both_keys_are_valid_for_seven_days(inbox, monkeypatch):
    old, changed_at = inbox.hmac_token, inbox.updated_at
    rotate_hmac_token(inbox)
    inbox.refresh_from_db()
    now = timezone.now()

    assert inbox.updated_at > changed_at
    assert inbox.hmac_token != old
    assert identity.hmac_tokens(inbox) == [inbox.hmac_token, old]
    monkeypatch.setattr(timezone, "now", lambda: now + timedelta(days=6, hours=23))
    assert verify(inbox, "user-7", identifier_hash(old, "user-7"))
    monkeypatch.setattr(timezone, "now", lambda: now + timedelta(days=7))
    assert identity.hmac_tokens(inbox) == [inbox.hmac_token]
    with pytest.raises(IdentityRejected):
        verify(inbox, "user-7", identifier_hash(old, "user-7"))


def test_at_the_moment_that_is_named_the_old_key_has_ended(inbox, monkeypatch):
    rotate_hmac_token(inbox)
    monkeypatch.setattr(timezone, "now", lambda: inbox.previous_hmac_token_valid_until)

    assert identity.hmac_tokens(inbox) == [inbox.hmac_token]


def test_rotation_without_overlap_ends_the_old_key_at_once(inbox):
    old = inbox.hmac_token
    rotate_hmac_token(inbox, overlap=timedelta(0))
    inbox.refresh_from_db()

    assert identity.hmac_tokens(inbox) == [inbox.hmac_token]
    assert (inbox.previous_hmac_token, inbox.previous_hmac_token_valid_until) == ("", None)
    with pytest.raises(IdentityRejected):
        verify(inbox, "user-7", identifier_hash(old, "user-7"))


def test_an_overlap_may_be_short(inbox):
    old = inbox.hmac_token
    rotate_hmac_token(inbox, overlap=timedelta(minutes=1))

    assert identity.hmac_tokens(inbox) == [inbox.hmac_token, old]


def test_revoking_ends_the_overlap_and_keeps_the_new_key(inbox):
    rotate_hmac_token(inbox)
    new = inbox.hmac_token
    identity.revoke_previous_hmac_token(inbox)
    inbox.refresh_from_db()

    assert identity.hmac_tokens(inbox) == [new]
    assert inbox.previous_hmac_token == ""


def test_revoking_leaves_alone_what_others_changed_in_the_meantime(inbox):
    type(inbox).objects.filter(pk=inbox.pk).update(name="Renamed")
    identity.revoke_previous_hmac_token(inbox)
    inbox.refresh_from_db()

    assert inbox.name == "Renamed"


def test_a_second_rotation_ends_the_first_key(inbox):
    first = inbox.hmac_token
    rotate_hmac_token(inbox)
    second = inbox.hmac_token
    rotate_hmac_token(inbox)

    assert identity.hmac_tokens(inbox) == [inbox.hmac_token, second]
    assert first not in identity.hmac_tokens(inbox)


def test_rotation_starts_from_the_key_that_is_stored(inbox):
    stale = type(inbox).objects.get(pk=inbox.pk)
    rotate_hmac_token(inbox)
    rotate_hmac_token(stale)

    assert identity.hmac_tokens(stale)[1] == inbox.hmac_token


def test_keys_and_tokens_are_not_told_by_representations(inbox):
    assert inbox.hmac_token not in repr(Identity(inbox, "user-7"))
    assert "user-7" not in repr(Identity(inbox, "user-7"))


def test_hashes_are_compared_in_constant_time_with_every_valid_key(inbox, monkeypatch):
    compared = []
    rotate_hmac_token(inbox)
    monkeypatch.setattr(identity.hmac, "compare_digest", lambda one, other: compared.append((one, other)) or True)
    proof = identifier_hash(inbox.hmac_token, "user-7")
    verify(inbox, "user-7", proof)

    assert compared == [
        (identifier_hash(key, "user-7").encode(), proof.encode()) for key in identity.hmac_tokens(inbox)
    ]

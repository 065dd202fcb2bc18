"""What the sockets of a session hear, whoever changes its contact, and when they are closed."""

import json
import os

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.db import connection, transaction

from contacts import merge as merging
from contacts.cable_broadcast import broadcaster
from contacts.models import Contact, ContactInbox
from inquirly_site import environment

from .api import create_contact, public_contact, signed, update_contact
from .cable import connected, disconnected, identifier, in_loop, rejected
from .factories import ContactInboxFactory

pytestmark = pytest.mark.django_db(transaction=True)

update = sync_to_async(update_contact)
merge = sync_to_async(merging.merge)
known = sync_to_async(public_contact)


@pytest.fixture(autouse=True)
def _layer(settings):
    """Redis, where there is one, and a database that two threads can use."""
    if "REDIS_URL" in os.environ and connection.vendor == "postgresql":
        settings.CHANNEL_LAYERS = {"default": environment.channel_layer()}
    yield
    broadcaster.stop()


async def event(name, session, subscription=None):
    """Return the frame that tells a session of its contact, as it could read it now."""
    data = await known(session)
    token = data.pop("pubsub_token")
    return {"identifier": subscription or identifier(token), "message": {"event": name, "data": data}}


@in_loop
async def test_a_change_by_a_call_is_told_with_the_public_contact(client, customer):
    async with connected() as socket:
        await socket.listen(customer)
        await update(client, customer, name="Grace")
        text = await socket.receive_from(timeout=5)

    assert json.loads(text) == await event("contact.updated", customer)
    assert list(json.loads(text)["message"]["data"]) == ["id", "source_id", "name", "email", "phone_number"]
    assert customer.pubsub_token not in text.partition('"message"')[2]


@in_loop
async def test_what_is_unknown_is_told_as_a_call_would_answer_it(client, visitor):
    async with connected() as socket:
        await socket.listen(visitor)
        await update(client, visitor, name="Ada")

        assert (await socket.frame())["message"]["data"] == {
            "id": visitor.contact_id,
            "source_id": visitor.source_id,
            "name": "Ada",
            "email": None,
            "phone_number": None,
        }


@in_loop
async def test_each_public_field_is_told(client, visitor):
    values = {"name": "Ada", "email": "ada@example.com", "phone_number": "+12025550199"}
    async with connected() as socket:
        await socket.listen(visitor)
        for field, value in values.items():
            await update(client, visitor, **{field: value})
            assert (await socket.frame())["message"]["data"][field] == value


@in_loop
async def test_what_is_not_public_is_not_told_and_neither_is_what_changes_nothing(client, customer):
    async with connected() as socket:
        await socket.listen(customer)
        await update(
            client, customer, name="Ada", custom_attributes={"plan": "pro"}, avatar_url="https://a.example.com/"
        )
        await update(client, customer)
        await update(client, customer, name="Grace")

        assert await socket.frame() == await event("contact.updated", customer)


@in_loop
async def test_staff_and_code_are_heard_too(visitor):
    contact = visitor.contact
    async with connected() as socket:
        await socket.listen(visitor)
        contact.email = "new@example.com"
        await contact.asave()

        assert await socket.frame() == await event("contact.updated", visitor)


@in_loop
async def test_all_sessions_of_a_contact_are_told_and_those_of_others_are_not(client, customer, visitor):
    second = await sync_to_async(ContactInboxFactory)(inbox=customer.inbox, contact=customer.contact)
    async with connected() as one, connected() as two, connected() as other:
        await one.listen(customer)
        await two.listen(second)
        await other.listen(visitor)
        await update(client, customer, name="Grace")

        assert await one.frame() == await event("contact.updated", customer)
        assert await two.frame() == await event("contact.updated", second)
        await update(client, visitor, name="Ada")
        assert await other.frame() == await event("contact.updated", visitor)


@in_loop
async def test_each_subscription_hears_by_its_own_name_until_it_ends(client, customer):
    names = [identifier(customer.pubsub_token, number=number) for number in range(2)]
    async with connected() as socket:
        for name in names:
            await socket.ask(name)
        await update(client, customer, name="Grace")
        assert [await socket.frame(), await socket.frame()] == [
            await event("contact.updated", customer, name) for name in names
        ]
        await socket.command("unsubscribe", names[0])
        assert await socket.lives()
        await update(client, customer, name="Ada")
        assert await socket.frame() == await event("contact.updated", customer, names[1])
        await socket.command("unsubscribe", names[1])
        assert await socket.lives()
        await update(client, customer, name="Grace")
        assert await socket.receive_nothing(timeout=0.2)


@in_loop
async def test_what_is_rolled_back_was_never_told(visitor):
    @sync_to_async
    def fail():
        with transaction.atomic():
            visitor.contact.name = "Nobody"
            visitor.contact.save()
            transaction.set_rollback(True)

    async with connected() as socket:
        await socket.listen(visitor)
        await fail()
        visitor.contact.name = "Somebody"
        await visitor.contact.asave()

        assert await socket.frame() == await event("contact.updated", visitor)


@in_loop
async def test_who_is_merged_into_somebody_blocked_is_sent_away(customer, visitor):
    await Contact.objects.filter(pk=customer.contact.pk).aupdate(blocked=True)
    async with connected() as socket:
        await socket.listen(visitor)
        await merge(customer.contact, visitor.contact)

        assert await socket.frame() == disconnected("contact_blocked")
        assert await socket.closes()


@in_loop
async def test_a_merge_is_told_to_the_sessions_of_both(customer, visitor):
    async with connected() as one, connected() as two:
        await one.listen(customer)
        await two.listen(visitor)
        await merge(customer.contact, visitor.contact)

        assert await one.frame() == await event("contact.merged", customer)
        assert await two.frame() == await event("contact.merged", visitor)
        assert (await known(visitor))["id"] == customer.contact_id


@in_loop
async def test_a_sign_in_closes_the_sockets_of_the_old_token_and_a_new_one_opens(client, visitor):
    async with connected() as socket:
        await socket.listen(visitor)
        answer = await update(client, visitor, **signed(visitor.inbox, "user-1"))

        assert await socket.frame() == disconnected("session_rotated")
        assert await socket.closes()
    async with connected() as socket:
        assert await socket.ask(identifier(visitor.pubsub_token)) == rejected(identifier(visitor.pubsub_token))
        await socket.listen(await ContactInbox.objects.aget(pubsub_token=answer.json()["pubsub_token"]))


@in_loop
async def test_a_sign_in_closes_no_other_session_and_tells_it(client, customer, visitor):
    async with connected() as old, connected() as other:
        await old.listen(visitor)
        await other.listen(customer)
        await update(client, visitor, **signed(visitor.inbox, "user-7", name="Grace"))

        assert await old.frame() == disconnected("session_rotated")
        events = [await other.frame(), await other.frame()]
    assert {frame["message"]["event"] for frame in events} == {"contact.updated", "contact.merged"}
    assert {frame["message"]["data"]["name"] for frame in events} == {"Grace"}


@in_loop
async def test_a_blocked_contact_hears_why_and_nothing_else(client, customer):
    second = await sync_to_async(ContactInboxFactory)(inbox=customer.inbox, contact=customer.contact)
    customer.contact.blocked, customer.contact.name = True, "Grace"
    async with connected() as one, connected() as two:
        await one.listen(customer)
        await two.listen(second)
        await customer.contact.asave()

        for socket in (one, two):
            assert await socket.frame() == disconnected("contact_blocked")
            assert await socket.closes()


@in_loop
async def test_an_event_of_a_contact_that_was_blocked_meanwhile_is_not_sent(visitor):
    async with connected() as socket:
        await socket.listen(visitor)
        await Contact.objects.filter(pk=visitor.contact_id).aupdate(blocked=True)  # which sends no signal
        visitor.contact.name = "Grace"
        await visitor.contact.asave(update_fields=["name"])

        assert await socket.receive_nothing(timeout=0.2)


@pytest.mark.parametrize("erased", ["contact", "session"])
@in_loop
async def test_what_is_erased_closes_its_sockets(visitor, erased):
    async with connected() as socket:
        await socket.listen(visitor)
        await (visitor.contact if erased == "contact" else visitor).adelete()

        assert await socket.frame() == disconnected("session_erased")
        assert await socket.closes()


@in_loop
async def test_a_socket_whose_other_session_ends_ends_too(customer, visitor):
    async with connected() as socket:
        await socket.listen(customer)
        await socket.listen(visitor)
        await visitor.adelete()

        assert await socket.frame() == disconnected("session_erased")
        assert await socket.closes()


@in_loop
async def test_a_second_session_of_a_person_hears_of_a_signed_create(client, customer):
    async with connected() as socket:
        await socket.listen(customer)
        await sync_to_async(create_contact)(client, customer.inbox, **signed(customer.inbox, "user-7", name="Grace"))

        assert await socket.frame() == await event("contact.updated", customer)


@in_loop
async def test_the_layer_holds_no_token(client, customer):
    layer = get_channel_layer()
    async with connected() as socket:
        await socket.listen(customer)
        held = repr(vars(layer) if not hasattr(layer, "_get_layer") else vars(layer._get_layer()))

    assert "inquirly." in held
    assert customer.pubsub_token not in held
    assert customer.source_id not in held


def test_without_sockets_in_this_process_nobody_is_told_and_nobody_waits(client, customer):
    assert update_contact(client, customer, name="Grace").status_code == 200

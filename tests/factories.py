import factory
from factory.django import DjangoModelFactory

from contacts.models import Contact, ContactInbox, IdempotencyKey
from inboxes.models import Account, Inbox


class AccountFactory(DjangoModelFactory[Account]):
    class Meta:
        model = Account

    name = factory.Sequence("Account {}".format)


class InboxFactory(DjangoModelFactory[Inbox]):
    class Meta:
        model = Inbox

    account = factory.SubFactory(AccountFactory)
    name = factory.Sequence("Inbox {}".format)


class ContactFactory(DjangoModelFactory[Contact]):
    """An unverified contact without any field set."""

    class Meta:
        model = Contact

    account = factory.SubFactory(AccountFactory)


class ContactInboxFactory(DjangoModelFactory[ContactInbox]):
    """A session of an anonymous visitor: inbox and contact belong to one account."""

    class Meta:
        model = ContactInbox

    inbox = factory.SubFactory(InboxFactory)
    contact = factory.SubFactory(ContactFactory, account=factory.SelfAttribute("..inbox.account"))


class IdempotencyKeyFactory(DjangoModelFactory[IdempotencyKey]):
    """The kept answer of a create that opened a session."""

    class Meta:
        model = IdempotencyKey

    contact_inbox = factory.SubFactory(ContactInboxFactory)
    inbox = factory.SelfAttribute("contact_inbox.inbox")
    key = factory.Sequence("key-{}".format)

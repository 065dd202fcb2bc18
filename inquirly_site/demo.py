"""What quickstart makes: something to call, somebody to log in as, and a call to begin with."""

import json
import secrets
import shlex
import sys
from dataclasses import dataclass
from http.client import HTTPConnection

from django.contrib.auth import get_user_model
from django.templatetags.static import static
from django.urls import reverse

from inboxes.identity import identifier_hash
from inboxes.models import Account, Inbox

NAME = "demo"
ADMIN = "admin"
IDENTIFIER = "user-42"
TIMEOUT = 30  # seconds


def demo_inbox() -> Inbox:
    """Return the inbox ``demo``, made with its account when it is not there."""
    inbox = Inbox.objects.filter(identifier=NAME).first()
    return inbox or Inbox.objects.create(account=Account.objects.create(name=NAME), name=NAME, identifier=NAME)


def new_admin_password() -> str | None:
    """Return the password of the admin user made just now, None when there is one already."""
    users = get_user_model()._default_manager
    if users.filter(username=ADMIN).exists():
        return None
    password = secrets.token_urlsafe(12)
    users.create_superuser(username=ADMIN, email="", password=password)
    return password


def change_password() -> str:
    """Return the command, ready to be pasted, that asks for another password of the admin user."""
    return "DJANGO_DEBUG=true " + shlex.join([sys.executable, sys.argv[0], "changepassword", ADMIN])


@dataclass(frozen=True)
class SignedCreate:
    """The call that creates a contact, or finds it again: ready to be pasted, and to be sent."""

    inbox: Inbox
    host: str
    port: int

    @property
    def path(self) -> str:
        return reverse("inquirly_contacts:contacts", args=[self.inbox.identifier])

    @property
    def body(self) -> str:
        proof = identifier_hash(self.inbox.hmac_token, IDENTIFIER)
        avatar_url = self.site + static("inquirly_site/ada.png")
        signed = {"identifier": IDENTIFIER, "identifier_hash": proof}
        return json.dumps({**signed, "name": "Ada Lovelace", "avatar_url": avatar_url})

    @property
    def site(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def curl(self) -> str:
        return shlex.join(
            ["curl", "-s", self.site + self.path, "-H", "Content-Type: application/json", "-d", self.body]
        )

    def send(self) -> tuple[int, str]:
        """Send the call, past any proxy of the environment, and return status and body of the answer."""
        connection = HTTPConnection(self.host, self.port, timeout=TIMEOUT)
        try:
            connection.request("POST", self.path, self.body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

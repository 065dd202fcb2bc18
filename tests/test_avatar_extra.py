"""Without the extra ``avatars`` everything else works, and what needs it says what to install."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

WITHOUT = """
import sys
missing = ["PIL", "AntiSSRF", "requests", "idna", "django_tasks", "django_tasks_db"]
sys.modules.update(dict.fromkeys(missing))

import django
from django.conf import settings
from django.core.management import CommandError, call_command

settings.configure(
    SECRET_KEY="key",
    DEBUG=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:",
                           "OPTIONS": {"transaction_mode": "IMMEDIATE"}}},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.admin",
                    "django.contrib.sessions", "django.contrib.messages", "inboxes", "contacts"],
    MIDDLEWARE=["inboxes.middleware.PublicAPIMiddleware",
                "django.contrib.sessions.middleware.SessionMiddleware",
                "django.contrib.auth.middleware.AuthenticationMiddleware",
                "django.contrib.messages.middleware.MessageMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
                "OPTIONS": {"context_processors": ["django.template.context_processors.request",
                            "django.contrib.auth.context_processors.auth",
                            "django.contrib.messages.context_processors.messages"]}}],
    ROOT_URLCONF="urls", ALLOWED_HOSTS=["testserver"], STATIC_URL="static/", USE_TZ=True,
)
django.setup()
import types
from django.urls import include, path
from django.contrib import admin
urls = sys.modules["urls"] = types.ModuleType("urls")
urls.urlpatterns = [path("api/", include("contacts.urls")), path("admin/", admin.site.urls)]

call_command("check")
call_command("migrate", verbosity=0)
from django.contrib.auth.models import User
from django.test import Client
from contacts.models import Contact
from inboxes.models import Account, Inbox
inbox = Inbox.objects.create(account=Account.objects.create(name="Shop"), name="Shop")
client = Client()
for name in ("Ada", "Countess"):
    fields = {"name": name, "avatar_url": f"http://example.com/{name}.png"}
    response = client.post(f"/api/inboxes/{inbox.identifier}/contacts", fields, content_type="application/json")
    print(response.status_code)
contact = Contact.objects.first()
print(contact.avatar_url, contact.avatar_state)
client.force_login(User.objects.create_superuser("admin"))
page = client.get(f"/admin/inquirly_contacts/contact/{contact.pk}/change/")
print(page.status_code, contact.avatar_url in page.content.decode())
contact.avatar_url = ""
contact.save()
contact.delete()
print(Contact.objects.count())
print(sorted(name for name in sys.modules if name.startswith("contacts.avatar_") and
             name.rpartition("_")[2] in ("address", "deadline", "fetch", "picture", "task")))
try:
    call_command("fetchavatars")
except CommandError as error:
    print(error)
"""


def test_the_address_is_kept_and_nothing_else_is_missed():
    command = [sys.executable, "-W", "error", "-c", WITHOUT]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "System check identified no issues (0 silenced).",
        "200",
        "200",
        "http://example.com/Ada.png due",
        "200 True",
        "1",
        "[]",
        "Pictures need the extra “avatars”. Run: pip install 'inquirly[avatars]'",
    ]


def test_what_needs_it_is_not_loaded_before_a_picture_is_fetched():
    command = [sys.executable, "-W", "error", "-c", "import django; django.setup(); import sys; print(*sys.modules)"]
    environment = {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    assert not {"contacts.avatar_fetch", "contacts.avatar_picture", "PIL", "AntiSSRF"} & {*done.stdout.split()}

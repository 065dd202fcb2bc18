"""Every command and code block of the README is run here, as it stands there."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from django.core.management import get_commands
from django.urls import resolve
from django.utils.module_loading import import_string
from websockets.sync.client import connect

from contacts import signals
from inboxes.conf import NAMES, conf
from inboxes.problems import PROBLEMS

from . import readme
from .readme import ROOT, block
from .shell import Shell, call
from .test_create_contact import BROKEN_FIELDS

# One process makes the project and the clone, once.
pytestmark = pytest.mark.xdist_group("readme")

# Of wire.md: the hash of "user-42" with the key "tok".
VECTOR = "7385c41a8c92307f1f87687604f9fbdba592e3762e9c689972bf75150abd798a"
CONTACT_KEYS = {"id", "source_id", "pubsub_token", "name", "email", "phone_number"}
SET_UP = re.compile(r"^python3 -m venv \.venv && \.venv/bin/pip install -q -e '\.\[[a-z,]+\]'( && |\n)")
LOSE_TWO_ANSWERS = """
const answers = [], real = fetch;
globalThis.fetch = async (...request) => {
  const response = await real(...request);
  answers.push(await response.clone().json());
  if (answers.length === 1) throw new TypeError("fetch failed");
  if (answers.length === 2) return new Response("<h1>Bad Gateway</h1>", { status: 502 });
  return response;
};
"""
LOCAL_STORAGE = """
const kept = new Map();
globalThis.localStorage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
"""


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Shell:
    """A fresh clone in which this Python's environment is the one that the set-up would have made."""
    directory = tmp_path_factory.mktemp("clone")
    files = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.check_output(files, cwd=ROOT, text=True).splitlines():
        if (ROOT / name).is_file():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, directory / name)
    (directory / ".venv").symlink_to(sys.prefix)
    return Shell(directory, {})


@pytest.fixture(scope="module")
def wheels(clone, tmp_path_factory) -> Path:
    """A directory with the wheel of this version, in the place of a registry."""
    directory = tmp_path_factory.mktemp("wheels")
    clone.run(f"python -m pip wheel -q --no-deps --no-build-isolation -w {directory} .")
    return directory


@pytest.fixture(scope="module")
def project(wheels, tmp_path_factory) -> Shell:
    """An existing project that has followed the README up to its tables."""
    directory = tmp_path_factory.mktemp("project")
    packages = str(tmp_path_factory.mktemp("packages"))
    pip = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_FIND_LINKS": str(wheels), "PIP_TARGET": packages}
    shell = Shell(directory, {"PYTHONPATH": packages, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **pip})
    shell.run("python -m django startproject mysite .")
    shell.run(block("install"))
    append(
        directory / "mysite" / "settings.py",
        block("settings"),
        block("sqlite"),
        block("channel-layers"),
        block("tasks"),
    )
    append(directory / "mysite" / "urls.py", block("urls"), block("views-urls"), block("media"))
    (directory / "mysite" / "views.py").write_text(block("views"))
    append(directory / "mysite" / "wsgi.py", block("wsgi"))
    append(directory / "mysite" / "asgi.py", block("asgi"))
    shell.run(block("migrate"))
    return shell


def append(file: Path, *code: str) -> None:
    file.write_text("\n\n".join([file.read_text(), *code]))


@pytest.fixture(scope="module")
def first_inbox(project) -> dict[str, str]:
    """What the command of the README printed."""
    printed = project.run(block("createinbox"))
    found = re.search(r"identifier: +(?P<identifier>[\w-]+)\s+hmac_token: +(?P<hmac_token>[\w-]+)", printed)
    assert found, printed
    return found.groupdict()


@pytest.fixture(scope="module")
def address(project) -> Iterator[str]:
    with project.serving("python manage.py runserver --noreload 8000") as address:
        yield address


@pytest.fixture(scope="module")
def identifier_hash() -> Any:
    namespace: dict[str, Any] = {}
    exec(block("hash"), namespace)
    return namespace["identifier_hash"]


def contacts(inbox: dict[str, str]) -> str:
    return f"/public/api/v1/inboxes/{inbox['identifier']}/contacts"


def test_every_block_has_a_test():
    tests = Path(__file__).parent.glob("test_*.py")
    source = "".join(file.read_text(encoding="utf-8") for file in tests)

    assert set(re.findall(r'block\("([\w-]+)"\)', source)) == set(readme.blocks())


# The two commands


def test_ci_runs_both_as_they_stand_here():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    reader = re.search(r"^readme_command\(\) .*$", script, re.MULTILINE)[0]
    read = re.findall(r'^\w+=\$\((readme_command ".+")\)$', script, re.MULTILINE)

    commands = [subprocess.check_output(["bash", "-c", f"{reader}; {one}"], cwd=ROOT, text=True) for one in read]

    assert commands == [block("pytest"), block("quickstart")]


def test_the_set_up_of_each_command_is_a_virtual_environment_of_its_own():
    for command in (block("quickstart"), block("pytest"), block("deploy")):
        assert SET_UP.match(command)


def test_quickstart_answers_its_own_call(clone):
    command = SET_UP.sub("", block("quickstart")).strip()

    printed = clone.run(f"{command} --once")

    status, body = printed.splitlines()[-2:]
    assert status == "200"
    assert json.loads(body).keys() == CONTACT_KEYS
    assert json.loads(body)["name"] == "Ada Lovelace"


def test_on_postgresql_the_tests_run_by_the_same_command():
    variables = re.match(r"DATABASE_URL=\S+ REDIS_URL=\S+ ", block("pytest-postgresql"))

    assert block("pytest-postgresql")[variables.end() :] == SET_UP.sub("", block("pytest"))


# The project


def test_a_project_that_follows_the_readme_has_nothing_to_mend(project):
    assert "no issues" in project.run("python manage.py check --database default --fail-level WARNING")
    assert "No changes detected" in project.run("python manage.py makemigrations --check --dry-run")


def test_an_inbox_is_made_by_command(project, first_inbox, address):
    status, inbox = call(address, "GET", contacts(first_inbox).removesuffix("/contacts"))

    assert (status, inbox["identifier"], inbox["name"]) == (200, first_inbox["identifier"], "Web shop")


@pytest.mark.parametrize(
    ("interpreter", "code"),
    [
        pytest.param(sys.executable, block("hash"), id="python"),
        pytest.param("node", block("hash-node"), id="node"),
        pytest.param("php", block("hash-php"), id="php"),
        pytest.param("ruby", block("hash-ruby"), id="ruby"),
    ],
)
def test_a_server_makes_the_hash(interpreter, code):
    if not shutil.which(interpreter):
        pytest.skip(f"{interpreter} is not installed")

    assert subprocess.check_output([interpreter], input=code, text=True, timeout=20) == f"{VECTOR}\n"
    assert f"prints `{VECTOR}`" in readme.TEXT


def test_the_function_that_it_names_makes_the_same_hash():
    [path] = re.findall(r"`(\S+)` is that function", " ".join(readme.TEXT.split()))

    assert import_string(path)("tok", "user-42") == VECTOR


def test_the_command_makes_the_same_hash(project, first_inbox, identifier_hash):
    printed = project.run(block("identifierhash"), INBOX=first_inbox["identifier"])

    assert printed.split()[-1] == identifier_hash(first_inbox["hmac_token"], "user-42")


def test_the_first_call_comes_from_a_terminal(project, first_inbox, address):
    inbox = first_inbox["identifier"]

    created = json.loads(project.run(block("curl-create").replace("127.0.0.1:8000", address), INBOX=inbox))
    read = json.loads(
        project.run(block("curl-read").replace("127.0.0.1:8000", address), INBOX=inbox, SOURCE_ID=created["source_id"])
    )

    assert created.keys() == CONTACT_KEYS
    assert created["name"] == "Ada Lovelace"
    assert read == created


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
def test_the_first_call_comes_from_a_page(project, first_inbox, address, identifier_hash):
    proof = identifier_hash(first_inbox["hmac_token"], "user-42")
    own = {"127.0.0.1:8000": address, "YOUR-INBOX": first_inbox["identifier"], "HASH-FROM-YOUR-SERVER": proof}
    code = re.sub("|".join(map(re.escape, own)), lambda found: own[found[0]], block("browser"))

    printed = subprocess.check_output(["node", "-e", LOCAL_STORAGE + code], text=True, timeout=20)
    again = {"identifier": "user-42", "identifier_hash": proof}
    _status, contact = call(address, "POST", contacts(first_inbox), again)

    assert "name: 'Ada Lovelace'" in printed
    assert "email: 'ada@example.com'" in printed
    assert f"id: {contact['id']}," in printed
    assert contact["email"] == "ada@example.com"


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
def test_a_create_whose_answer_is_lost_is_sent_again(first_inbox, address):
    create = f"createContact('http://{address}{contacts(first_inbox)}', {{ name: 'Grace' }})"
    call_it = f"{create}.then((last) => console.log(JSON.stringify([answers, last])));"
    code = LOSE_TWO_ANSWERS + block("retry") + call_it

    answers, last = json.loads(subprocess.check_output(["node", "-e", code], text=True, timeout=20))

    assert answers == [last["answer"]] * 3
    assert (last["status"], last["answer"]["name"]) == (200, "Grace")


def test_a_view_of_the_projects_own_knows_who_signs(first_inbox, address, identifier_hash):
    url = f"/orders/{first_inbox['identifier']}"
    proof = identifier_hash(first_inbox["hmac_token"], "user-42")

    browser = {"Accept": "text/html,*/*;q=0.8"}

    assert call(address, "GET", f"{url}?identifier=user-42&identifier_hash={proof}", **browser) == (
        200,
        {"inbox": "Web shop", "orders_of": "user-42"},
    )
    assert call(address, "GET", f"{url}?identifier=user-43&identifier_hash={proof}")[0] == 401
    assert call(address, "GET", url)[0] == 401
    assert call(address, "GET", "/orders/unknown")[0] == 404


def test_the_projects_own_code_hears_of_changes(project):
    code = block("receivers") + dedent(
        """
        from contacts.models import Contact
        from inboxes.models import Account

        account = Account.objects.create(name="Heard")
        contact = Contact.objects.create(account=account)
        contact.name = "Ada"
        contact.save()
        contact.email = "ada@example.com"
        contact.save()
        contact.delete()
        account.delete()
        """
    )
    told = project.run(f"python manage.py shell -v 0 -c {shlex.quote(code)}")

    assert re.fullmatch(r"Contact \d+ has another email address\.", told.strip())


def test_a_project_serves_live_updates(project):
    with project.serving("granian --interface asginl --port 8000 mysite.asgi:application") as cable:
        with connect(f"ws://{cable}/cable") as socket:
            assert socket.recv() == '{"type":"welcome"}'
        assert call(cable, "GET", "/public/api/v1/inboxes/unknown")[0] == 404


def test_keys_rotate_with_overlap_and_end_at_once(project, address, identifier_hash):
    inbox = json.loads(project.run("python manage.py createinbox Keys --format json"))
    fields = {"identifier": "user-42", "identifier_hash": identifier_hash(inbox["hmac_token"], "user-42")}

    project.run(block("rotatehmac"), INBOX=inbox["identifier"])
    assert call(address, "POST", contacts(inbox), fields)[0] == 200

    project.run(block("revoke"), INBOX=inbox["identifier"])
    time.sleep(1)  # "within a second"
    assert call(address, "POST", contacts(inbox), fields)[0] == 401


def test_cron_deletes_what_is_no_longer_kept(project):
    minute, hour, *every_day, command = block("prune").split(maxsplit=5)
    assert int(minute) in range(60)
    assert int(hour) in range(24)
    assert every_day == ["*", "*", "*"]

    printed = project.run(command.replace("/srv/inquirly", str(project.directory)).replace(".venv/bin/", ""))

    assert printed == "deleted: 0\n"


def test_cron_fetches_pictures(project):
    minutes, *always, command = block("fetchavatars").split(maxsplit=5)
    assert (minutes, always) == ("*/5", ["*"] * 4)

    printed = project.run(command.replace("/srv/inquirly", str(project.directory)).replace(".venv/bin/", ""))

    assert printed == "fetched: 0\nrefused: 0\nfailed: 0\n"


def test_pictures_are_given_to_staff(project):
    code = dedent(
        """
        from django.contrib.auth.models import User
        from django.core.files.base import ContentFile
        from django.core.files.storage import default_storage
        from django.test import Client

        address = default_storage.url(default_storage.save("avatars/ada.webp", ContentFile(b"picture")))
        client = Client(SERVER_NAME="127.0.0.1")
        stranger = client.get(address)
        client.force_login(User.objects.create_user("staff", is_staff=True))
        print(stranger.status_code, stranger["Location"], b"".join(client.get(address)))
        """
    )
    printed = project.run(f"python manage.py shell -v 0 -c {shlex.quote(code)}")

    assert printed.strip() == "302 /admin/login/?next=/media/avatars/ada.webp b'picture'"


def test_cron_deletes_what_is_left_of_tasks(project):
    command = block("prune-tasks").split(maxsplit=5)[5]
    days = "from django_tasks_db.models import DBTaskResult\n" + dedent(
        """
        from datetime import timedelta
        from django.utils import timezone

        now = timezone.now()
        tasks = DBTaskResult.objects
        if not tasks.exists():
            for days in (1, 15):
                ended = {"status": "SUCCESSFUL", "finished_at": now - timedelta(days), "run_after": now}
                tasks.create(backend_name="default", args_kwargs={}, **ended)
        print([(now - task.finished_at).days for task in tasks.order_by("-finished_at")])
        """
    )
    look = f"python manage.py shell -v 0 -c {shlex.quote(days)}"
    before = project.run(look)
    project.run(command.replace("/srv/inquirly", str(project.directory)).replace(".venv/bin/", ""))

    assert (before.strip(), project.run(look).strip()) == ("[1, 15]", "[1]")


def test_an_upgrade_leaves_nothing_to_mend(project):
    assert "no issues" in project.run(block("upgrade"))


# The site


def test_the_site_is_deployed_and_served(clone):
    environment = block("environment").replace(
        "postgres://user:password@127.0.0.1:5432/name", f"sqlite:///{clone.directory}/production.sqlite3"
    )
    deploy = SET_UP.sub("", block("deploy"))

    assert "no issues" in clone.run(f"{environment}\n{deploy}")
    exported = clone.run(f"{environment}\nenv")
    production = Shell(clone.directory, dict(line.partition("=")[::2] for line in exported.splitlines()))
    with (
        production.serving(block("serve")) as address,
        production.serving(block("serve-cable").replace("8001", "8000")) as cable,
        connect(f"ws://{cable}/cable") as socket,
    ):
        answer = call(address, "GET", "/healthz")
        welcome = socket.recv()
    assert answer == (200, {"status": "ok", "database": "ok"})
    assert welcome == '{"type":"welcome"}'
    assert fetched_by_worker(production) == "refused not_public"


def test_the_file_of_the_environment_is_read_by_a_shell(tmp_path):
    command = "set -a; . /etc/inquirly.env; set +a;"
    variables = {
        "DATABASE_URL": "postgres://u:p@127.0.0.1/name?sslmode=require&pool=true",
        "INQUIRLY_THROTTLE_RATES": '{"create": "5/min"}',
        "SECRET_KEY": "a$b(c&d;e#f",
    }
    file = tmp_path / "inquirly.env"
    file.write_text("".join(f"{name}='{value}'\n" for name, value in variables.items()))
    printed = Shell(tmp_path, {}).run(f"{command.replace('/etc', str(tmp_path))} env")

    assert f"`{command}`" in readme.TEXT
    assert variables.items() <= dict(line.partition("=")[::2] for line in printed.splitlines()).items()


def fetched_by_worker(production: Shell) -> str:
    """Let the worker fetch a picture, which would come from this machine itself, and return what became of it."""
    contact = """
        from contacts.models import Contact
        from inboxes.models import Account
        {}
    """
    make = 'Contact.objects.create(account=Account.objects.create(name="Shop"), avatar_url="http://127.0.0.1/a.png")'
    show = "print(*Contact.objects.values_list('avatar_state', 'avatar_reason').get())"
    shell = "python manage.py shell -v 0 -c "
    production.run(shell + shlex.quote(dedent(contact.format(make))))
    production.run(block("worker").strip() + " --batch --no-startup-delay")
    return production.run(shell + shlex.quote(dedent(contact.format(show)))).strip()


def set_headers(directives: str) -> dict[str, str]:
    return dict(re.findall(r"proxy_set_header (\S+) (\S+);", directives))


def test_the_proxy_stands_before_the_site_that_is_served():
    nginx = block("nginx")
    locations = re.findall(r"location (?:[~=] )?(\S+) {(.+?)}", nginx, re.DOTALL)
    _cable, cable_directives = locations.pop()
    everywhere, upgrade = set_headers(nginx.partition("location")[0]), set_headers(cable_directives)

    assert everywhere == {"Host": "$host", "X-Forwarded-For": "$remote_addr"}
    assert upgrade == {"Upgrade": "$http_upgrade", "Connection": "upgrade", **everywhere}  # it inherits none
    assert f"proxy_pass http://127.0.0.1:{re.search(r'--port (.+?) ', block('serve-cable'))[1]};" in cable_directives
    assert "access_log off;" in cable_directives
    assert "export INQUIRLY_TRUSTED_PROXIES=1\n" in block("environment")
    assert re.search(r"server_name (\S+);", nginx)[1] == re.search(r"ALLOWED_HOSTS=(\S+)", block("environment"))[1]
    port = re.search(r"--port (\d+)", block("serve"))[1]
    assert all(f"proxy_pass http://127.0.0.1:{port};" in directives for _path, directives in locations)
    silent = [path for path, directives in locations if "access_log off;" in directives]
    assert [bool(re.match(silent[0], path)) for path in ("/public/api/v1/x", "/admin/", "/try")] == [True, True, False]


# What is said beside the blocks


def test_the_table_of_settings_names_all_with_their_defaults(settings):
    rows = readme.table("Settings")

    assert [name for name, _default, _meaning in rows] == NAMES
    for name, default, _meaning in rows:
        delattr(settings, name) if hasattr(settings, name) else None
        unset = getattr(conf, name)
        setattr(settings, name, json.loads(default))
        assert getattr(conf, name) == unset
        assert not isinstance(unset, dict) or json.loads(default).keys() == unset.keys()


def test_the_table_of_variables_names_what_the_site_reads():
    source = "".join(file.read_text() for file in (ROOT / "inquirly_site").glob("*.py"))
    read = set(re.findall(r'environ(?:\.get\(|\[)"(\w+)"', source))

    assert {name for name, _default, _meaning in readme.table("Run it as a service")} == {*read, "INQUIRLY_…"}


def test_the_table_of_errors_names_all_problems():
    rows = [(int(status), code) for status, code, _when in readme.table("Errors")]

    assert rows == [(status, code) for code, (status, _title, _detail) in PROBLEMS.items()]


def test_every_code_of_a_field_that_is_not_valid_is_named():
    [codes] = re.findall(r"These codes never change either: ([^.]+)\.", " ".join(readme.prose().split()))

    assert re.findall("`(.+?)`", codes) == sorted({broken.values[2] for broken in BROKEN_FIELDS})


def test_the_table_of_signals_names_all():
    assert sorted(name for name, _arguments, _when in readme.table("Signals")) == signals.__all__


def test_the_table_of_calls_leads_to_views_that_answer_them():
    for name, _meaning in readme.table("The calls"):
        method, _space, path = name.partition(" ")
        view = resolve(re.sub(r"\{\w+\}", "x", path)).func
        assert method.lower() in view.actions


def test_every_command_that_is_named_exists():
    named = set(re.findall(r"manage\.py ([a-z_]+)", readme.TEXT))

    assert named <= {*get_commands(), "quickstart"}


def test_every_link_leads_somewhere():
    for link in readme.links():
        assert link in readme.anchors() if link.startswith("#") else (ROOT / link).is_file(), link


def test_no_host_is_named_but_examples():
    hosts = set(re.findall(r"\w+://(?:[^@/\s]*@)?([^:/\s`\"']+)", readme.TEXT))

    assert all(host in {"127.0.0.1", "host"} or host.endswith(".example.com") for host in hosts), hosts


def test_the_table_of_checks_names_every_check():
    source = "".join((ROOT / app / "checks.py").read_text(encoding="utf-8") for app in ("inboxes", "contacts"))

    assert {row[0].rpartition(".")[2] for row in readme.table("System checks")} == set(re.findall(r"[EW]0\d\d", source))


def test_a_project_with_our_handler_answers_whatever_charset_is_named(project, address, first_inbox):
    url = f"http://{address}{contacts(first_inbox)}?a=%ff"
    answer = project.run(
        f"curl -s -o /dev/null -w '%{{http_code}}' {url} -d '{{}}' -H 'Content-Type: application/json; charset=hex'"
    )

    assert answer == "200"

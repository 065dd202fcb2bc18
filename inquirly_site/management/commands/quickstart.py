import os
from argparse import ArgumentParser
from contextlib import suppress
from threading import Thread
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command
from django.core.servers.basehttp import ThreadedWSGIServer
from django.db import connection
from django.urls import reverse
from django.utils.translation import gettext as _

from contacts import extras
from inquirly_site import demo, pictures, server


class Command(BaseCommand):
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.description = _("Set up a demo on this machine and serve it: the API, the admin and the documentation.")
        parser.add_argument(
            "--once", action="store_true", help=_("Serve, send the printed call, print its answer and exit.")
        )

    def handle(self, *, once: bool, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError(
                _("quickstart is for trying things out. Set DJANGO_DEBUG=true if this is no production site.")
            )
        if connection.vendor != "sqlite":
            raise CommandError(_("quickstart writes a demo into SQLite only. Unset DATABASE_URL to use it."))
        call_command("migrate", verbosity=0)
        with server.bind() as httpd:
            call = demo.SignedCreate(demo.demo_inbox(), server.HOST, httpd.server_port)
            self.introduce(call)
            if once:
                self.serve_once(httpd, call)
            else:
                self.serve(httpd)

    def introduce(self, call: demo.SignedCreate) -> None:
        """Print where everything is and how to log in."""
        if call.port != server.FIRST_PORT:
            ports = {"first": server.FIRST_PORT, "port": call.port}
            self.stdout.write(_("%(first)s is in use, serving on %(port)s.") % ports)
        password = demo.new_admin_password()
        lines = [
            (_("Home"), call.site + reverse("home")),
            (_("Try it"), f"{call.site}{reverse('try')}?inbox={call.inbox.identifier}"),
            (_("API"), call.site + reverse("docs")),
            (_("Reference"), call.site + reverse("redoc")),
            (_("Admin"), call.site + reverse("admin:index")),
            (_("User"), demo.ADMIN),
            (_("Password"), password or _("as printed before")),
            (_("Inbox"), call.inbox.identifier),
            (_("HMAC token"), call.inbox.hmac_token),
        ]
        for label, value in lines:
            self.stdout.write(f"{label:<12}{value}")
        if password is None:
            self.stdout.write(f"\n{_('Set another password:')}\n\n{demo.change_password()}\n")
        self.stdout.write(f"\n{_('Create a contact, signed:')}\n\n{call.curl}\n\n")

    def serve(self, httpd: ThreadedWSGIServer) -> None:
        """Serve until Ctrl-C: pages and calls, and live streams where what they need is installed."""
        with pictures.fetched(), suppress(KeyboardInterrupt):
            if not extras.are_there(extras.REALTIME):
                self.tell_that_it_serves()
                httpd.serve_forever()
            else:
                httpd.server_close()  # the port is free now for the other server
                server.serve_with_sockets(httpd.server_port, self.tell_that_it_serves)
        self.stdout.write("")
        self.stdout.flush()
        os._exit(0)  # threads of the server may be about to call Python, and would abort it while it ends

    def tell_that_it_serves(self) -> None:
        self.stdout.write(_("Serving. Ctrl-C ends it."))
        self.stdout.flush()

    def serve_once(self, httpd: ThreadedWSGIServer, call: demo.SignedCreate) -> None:
        thread = Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        try:
            status, body = call.send()
            pictures.fetch()
        finally:
            httpd.shutdown()
            thread.join()
        self.stdout.write(f"{status}\n{body}")
        if status != 200:
            raise CommandError(_("The answer should have been 200."))

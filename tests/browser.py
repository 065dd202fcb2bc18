"""A real browser. Tests that ask for it are skipped where there is no Chromium."""

import shutil

import pytest
from django.db import connections
from playwright.sync_api import expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

expect.set_options(timeout=20_000)  # milliseconds: machines are busy


class Complaints(list[str]):
    """What the browser found wrong with the pages it opened: errors, files that did not come, broken policies."""

    def watch(self, page):
        page.on("console", lambda message: message.type == "error" and self.append(message.text))
        page.on("pageerror", lambda error: self.append(str(error)))


@pytest.fixture
def complaints():
    return Complaints()


@pytest.fixture(scope="module")
def browser():
    """The one browser of all tests of a file."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright keeps an event loop running in this thread, in which Django would allow no query.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        # Chromium refuses to be sandboxed by root, as whom containers often run.
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        connections.close_all()  # beside a running loop, Django opens others than the test database is dropped with


@pytest.fixture
def page(browser, complaints):
    """A page of the width of a phone, in a browser that has seen no other."""
    with browser.new_page(viewport={"width": 390, "height": 844}) as page:
        complaints.watch(page)
        yield page

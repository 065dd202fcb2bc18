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


@pytest.fixture
def page(transactional_db, complaints, monkeypatch):
    """A page of the width of a phone."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    # Playwright keeps an event loop running in this thread, in which Django would allow no query.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        # Chromium refuses to be sandboxed by root, as whom containers often run.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 844})
        complaints.watch(page)
        yield page
        browser.close()
        connections.close_all()  # beside a running loop, Django opens others than the test database is dropped with

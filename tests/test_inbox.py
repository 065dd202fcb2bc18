"""GET /inboxes/{inbox_identifier}: what a client may know of an inbox."""

import pytest

from .api import INBOXES, problem
from .factories import InboxFactory

CLOSED = {"open_hour": None, "open_minutes": None, "close_hour": None, "close_minutes": None}
OPEN = {"open_hour": 9, "open_minutes": 0, "close_hour": 17, "close_minutes": 0}


def working_day(day):
    closed = day in (0, 6)
    return {
        "day_of_week": day,
        "closed_all_day": closed,
        **(CLOSED if closed else OPEN),
        "open_all_day": False,
    }


def test_a_new_inbox_is_described(client, db):
    inbox = InboxFactory(name="Shop")
    response = client.get(f"{INBOXES}/{inbox.identifier}")

    assert response.status_code == 200
    assert response.json() == {
        "identifier": inbox.identifier,
        "identity_validation_enabled": False,
        "name": "Shop",
        "timezone": "UTC",
        "working_hours": [working_day(day) for day in range(7)],
        "working_hours_enabled": False,
        "csat_survey_enabled": False,
        "greeting_enabled": False,
    }


def test_what_staff_set_is_shown(client, db):
    hours = [{**working_day(day), **CLOSED, "closed_all_day": False, "open_all_day": True} for day in range(7)]
    inbox = InboxFactory(
        hmac_mandatory=True,
        timezone="Europe/Berlin",
        working_hours=hours,
        working_hours_enabled=True,
        csat_survey_enabled=True,
        greeting_enabled=True,
    )

    assert client.get(f"{INBOXES}/{inbox.identifier}").json() == {
        "identifier": inbox.identifier,
        "identity_validation_enabled": True,
        "name": inbox.name,
        "timezone": "Europe/Berlin",
        "working_hours": hours,
        "working_hours_enabled": True,
        "csat_survey_enabled": True,
        "greeting_enabled": True,
    }


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "*/*", "image/png, nonsense", ""])
def test_the_answer_is_json_whatever_is_asked_for(client, inbox, accept):
    response = client.get(f"{INBOXES}/{inbox.identifier}?format=html", headers={"accept": accept})

    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("", id="no-inbox"),
        pytest.param("/", id="slash"),
        pytest.param("/unknown", id="unknown"),
        pytest.param("/unknown/", id="trailing-slash"),
        pytest.param("/unknown/conversations", id="other-call"),
        pytest.param("/unknown/contacts/x/y", id="deeper"),
        pytest.param("/a%00b", id="nul"),
        pytest.param("/%FF%FE", id="not-utf-8"),
        pytest.param("/%ED%A0%80/contacts/x", id="surrogate"),
        pytest.param("/a%0Ab", id="line-feed"),
        pytest.param("/%E2%98%83", id="snowman"),
        pytest.param("/" + "a" * 65, id="too-long"),
        pytest.param("/" + "a" * 8000, id="much-too-long"),
        pytest.param("/..%2f..%2fadmin", id="dots"),
    ],
)
def test_every_other_address_is_not_found(client, db, path):
    response = client.get(INBOXES + path)

    assert response.status_code == 404
    assert response.json() == problem(404)


def test_a_trailing_slash_is_neither_taken_nor_redirected(client, inbox):
    response = client.get(f"{INBOXES}/{inbox.identifier}/")

    assert response.status_code == 404


def test_an_identifier_is_taken_letter_by_letter(client, db):
    InboxFactory(identifier="AbcD")

    assert client.get(f"{INBOXES}/abcd").status_code == 404
    assert client.get(f"{INBOXES}/AbcD").status_code == 200

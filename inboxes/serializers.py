from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from .models import Inbox
from .tokens import default_working_hours


class WorkingDaySerializer(serializers.Serializer[Any]):
    """The hours of one day in the time zone of the inbox; null where it is closed or open all day."""

    day_of_week = serializers.IntegerField(min_value=0, max_value=6, help_text=_("0 is Sunday."))
    closed_all_day = serializers.BooleanField()
    open_hour = serializers.IntegerField(min_value=0, max_value=23, allow_null=True)
    open_minutes = serializers.IntegerField(min_value=0, max_value=59, allow_null=True)
    close_hour = serializers.IntegerField(min_value=0, max_value=23, allow_null=True)
    close_minutes = serializers.IntegerField(min_value=0, max_value=59, allow_null=True)
    open_all_day = serializers.BooleanField()


@extend_schema_serializer(
    component_name="PublicInbox",
    examples=[
        OpenApiExample(
            "inbox",
            {
                "identifier": "zK0Wm4S5a1DhVnB3qXtLr8Ye",
                "identity_validation_enabled": False,
                "name": "Website",
                "timezone": "Europe/Berlin",
                "working_hours": default_working_hours(),
                "working_hours_enabled": False,
                "csat_survey_enabled": False,
                "greeting_enabled": False,
            },
            summary=_("As it is when it is new"),
        )
    ],
)
class InboxSerializer(serializers.Serializer[Inbox]):
    """What a client may know of an inbox."""

    identifier = serializers.CharField()
    identity_validation_enabled = serializers.BooleanField(
        source="hmac_mandatory",
        help_text=_("Whether contacts can only be created and changed by signed requests."),
    )
    name = serializers.CharField()
    timezone = serializers.CharField(help_text=_("A name of the time zone database, like Europe/Berlin."))
    working_hours = WorkingDaySerializer(many=True, help_text=_("Seven rows, Sunday first."))
    working_hours_enabled = serializers.BooleanField()
    csat_survey_enabled = serializers.BooleanField()
    greeting_enabled = serializers.BooleanField()


@extend_schema_serializer(component_name="ProblemFieldError")
class FieldErrorSerializer(serializers.Serializer[Any]):
    """What is wrong with one field of the body."""

    field = serializers.CharField()
    code = serializers.CharField(help_text=_("For programs: it never changes."))
    message = serializers.CharField(help_text=_("For people."))


@extend_schema_serializer(component_name="Problem")
class ProblemSerializer(serializers.Serializer[Any]):
    """A refusal: problem details as in RFC 9457."""

    title = serializers.CharField(help_text=_("The same for every problem with this code."))
    status = serializers.IntegerField(min_value=400, max_value=599, help_text=_("The status of the answer."))
    detail = serializers.CharField(help_text=_("What to do about it, for people."))
    code = serializers.CharField(help_text=_("Which problem it is, for programs: it never changes."))
    errors = FieldErrorSerializer(  # type: ignore[assignment]  # taken out by the metaclass
        many=True, required=False, help_text=_("Every field that is not valid. Only where the code is invalid_fields.")
    )

import functools
import logging
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, cast

from django.contrib.auth.models import AnonymousUser
from django.core.serializers.json import DjangoJSONEncoder
from django.db import Error, connections, transaction
from django.http import Http404, HttpResponse, HttpResponseBase
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.serializers import Serializer
from rest_framework.viewsets import ViewSet

from .authentication import get_inbox
from .parsers import StrictJSONParser, check_body, finish_reading
from .problems import exception_handler
from .schema import InquirlySchema
from .serializers import InboxSerializer
from .throttling import InboxThrottle

ENCODER = DjangoJSONEncoder(ensure_ascii=False, separators=(",", ":"))

logger = logging.getLogger(__name__)


class JSONOnly(BaseContentNegotiation):
    """Reads JSON, whatever ``Content-Type`` says: ``check_body`` has refused all else. No answer is negotiated."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        return next(iter(parsers))


class PublicViewSet(ViewSet):
    """A view for strangers: it names everything that a host might have set otherwise for its own API."""

    http_method_names = ["get", "head", "post", "patch", "put"]
    authentication_classes = []
    permission_classes = [AllowAny]
    throttle_classes = [InboxThrottle]
    parser_classes = [StrictJSONParser]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = JSONOnly
    versioning_class = None
    schema = InquirlySchema()

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {}  # not DRF's Allow: 405 has one of its own

    @classmethod
    def as_view(cls, actions: Any = None, **initkwargs: Any) -> Any:
        view: Any = super().as_view(actions, **initkwargs)
        for alias in connections:  # transactions belong to the rules, also where ATOMIC_REQUESTS is on
            view = transaction.non_atomic_requests(using=alias)(view)
        return view

    def get_exception_handler(self) -> Callable[..., HttpResponseBase]:
        return exception_handler

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse what costs least to refuse first; DRF would ask the database before it counts the call."""
        if self.action is None:
            self.http_method_not_allowed(request)
        self.check_throttles(request)
        has_body = request.method in ("POST", "PATCH", "PUT")
        if has_body:
            check_body(request)
        try:
            self.perform_authentication(request)
        except (Http404, Error):  # the inbox is looked up before the body is read
            if has_body:
                finish_reading(request)
            raise
        self.check_permissions(request)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-store, private"  # heard by the host's cache middleware
        request._request.user = AnonymousUser()  # a visitor is no user of the host's, whose middleware may look
        refused = response.status_code >= 400
        request._request.inquirly_refusal = response if refused else None  # type: ignore[attr-defined]
        if refused:
            # Django would log the path, and with it the client's source_id.
            response._has_been_logged = True
            logger.info("%s refused with %d", type(self).__name__, response.status_code)
        return response

    def validated(self, serializer_class: type[Serializer[Any]]) -> dict[str, Any]:
        """Return the valid fields of the body; raises ``ValidationError`` with every bad one."""
        return cast(dict[str, Any], shared(serializer_class).run_validation(self.request.data))

    def answer(self, serializer_class: type[Serializer[Any]], instance: Any) -> HttpResponse:
        return json_response(shared(serializer_class).to_representation(instance))


def json_response(answer: Any) -> HttpResponse:
    """Return the answer as JSON in UTF-8, whatever ``Accept`` says and however the host's own API writes it."""
    return HttpResponse(ENCODER.encode(answer).encode(), content_type="application/json")


@functools.cache
def shared(serializer_class: type[Serializer[Any]]) -> Serializer[Any]:
    """Return the one instance that all threads use: DRF copies every field of each new one, and that takes longer
    than to use it. It keeps nothing of a request, as long as its fields keep nothing.
    """
    return serializer_class()


class InboxViewSet(PublicViewSet):
    """What a client may know of an inbox."""

    @extend_schema(
        operation_id="inbox_read",
        tags=["inboxes"],
        summary=_("Read an inbox"),
        description=_("What a client may know of an inbox: its name, its hours, and whether requests must be signed."),
        responses=OpenApiResponse(InboxSerializer, _("The inbox.")),
    )
    def retrieve(self, request: Request, inbox_identifier: str) -> HttpResponse:
        inbox = get_inbox(request._request, inbox_identifier)
        return self.answer(InboxSerializer, inbox)


class NotFoundViewSet(PublicViewSet):
    """Addresses that lead nowhere are refused like everything else, whatever the method."""

    schema = None  # type: ignore[assignment]  # so that it is not described

    def refuse(self, request: Request, *args: Any, **kwargs: Any) -> NoReturn:
        raise Http404

    initial = refuse

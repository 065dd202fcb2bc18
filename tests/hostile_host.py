"""What a host project may have set for an API of its own, and what the public API must not care for."""

from django.http import HttpResponse
from rest_framework.throttling import BaseThrottle


def exception_handler(exc, context):
    return HttpResponse("<h1>The host's own page</h1>", status=418)


class NothingPasses(BaseThrottle):
    def allow_request(self, request, view):
        return False

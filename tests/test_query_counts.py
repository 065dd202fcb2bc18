"""How many queries a public call costs; begin, commit and savepoints aside."""

import pytest
from django.db import connection

from .public_calls import SHAPES, callers, statements_of


@pytest.mark.parametrize("headers", [{}, {"HTTP_ORIGIN": "https://shop.example"}], ids=["no-page", "from-a-page"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_call_takes_few_queries(client, inbox, shape, headers):
    inbox.allowed_origins = ["https://shop.example"]
    inbox.save()
    client.defaults.update(headers)

    statements = statements_of(shape, client, callers(inbox))

    more = shape.more if connection.vendor == "sqlite" else 0
    assert len(statements) == shape.queries + more, statements

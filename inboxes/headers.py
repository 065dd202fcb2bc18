"""The headers that every public answer bears, whoever gives it, and the one that a client may send of ours."""

IDEMPOTENCY_KEY = "Idempotency-Key"
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

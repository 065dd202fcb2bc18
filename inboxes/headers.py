"""The headers that every public answer bears, whoever gives it, and the one that a client may send of ours."""

IDEMPOTENCY_KEY = "Idempotency-Key"
IDEMPOTENCY_KEY_PATTERN = "[!-~]{1,255}"  # visible ASCII characters
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

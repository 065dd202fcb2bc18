"""Odd bodies: bytes and JSON as no client means to send them. Needs hypothesis."""

from hypothesis import strategies as st

# Alphabets of their own: within one, a few odd characters are lost among all others.
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=[])),
    st.text(st.sampled_from("\x00\x85 \n+@.1")),
    st.text(st.sampled_from("\ud800a")),
    st.sampled_from(["user-7", "ada@example.com", "+12025550123", "https://example.com/a.png"]),
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
VALUES = st.recursive(SCALARS, lambda below: st.lists(below) | st.dictionaries(TEXTS, below), max_leaves=8)
FIELDS = ["identifier", "identifier_hash", "name", "email", "phone_number", "avatar_url", "custom_attributes", "id"]
OBJECTS = st.dictionaries(st.sampled_from(FIELDS) | TEXTS, VALUES)
PIECES = [
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b":",
    b",",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"NaN",
    b"1e999",
    b'"name":',
    b"{}",
]
RAW = st.binary() | st.lists(st.sampled_from(PIECES) | st.binary(max_size=3)).map(b"".join)

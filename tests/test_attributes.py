"""Custom attributes: merging, filling, limits."""

import json

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from contacts.attributes import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_KEYS,
    AttributesDecoder,
    as_stored,
    filled,
    merged,
    validate_custom_attributes,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda below: st.lists(below, max_size=2) | st.dictionaries(st.sampled_from("abc"), below, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)
STORED = OBJECTS.map(lambda sent: merged({}, sent))


def has_null(value):
    return isinstance(value, dict) and any(one is None or has_null(one) for one in value.values())


@given(STORED, OBJECTS)
def test_merging_twice_is_merging_once(stored, sent):
    assert merged(merged(stored, sent), sent) == merged(stored, sent)


@given(STORED, OBJECTS)
def test_no_object_keeps_a_null(stored, sent):
    assert not has_null(merged(stored, sent))


@given(STORED, STORED)
def test_neither_side_of_a_merge_is_changed(stored, sent):
    before = json.dumps([stored, sent])
    merged(stored, sent)
    filled(stored, sent)

    assert json.dumps([stored, sent]) == before


@given(STORED, STORED)
def test_filling_keeps_every_value_of_the_base(base, mergee):
    result = filled(base, mergee)

    assert merged(result, base) == result
    assert result.keys() == base.keys() | mergee.keys()


@pytest.mark.parametrize(
    ("base", "mergee", "filled_with"),
    [
        pytest.param({"mine": "x" * 32_000}, {"big": "x" * 32_000, "small": 1}, {"small": 1}, id="by-bytes"),
        pytest.param(
            {"prefs": {"theme": 1}},
            {"prefs": {f"{number:03}": number for number in reversed(range(MAX_KEYS))}},
            {"prefs": {f"{number:03}": number for number in range(MAX_KEYS - 2)}},
            id="below-a-key-of-both",
        ),
    ],
)
def test_what_does_not_fit_is_left_out_and_nothing_else(base, mergee, filled_with):
    assert filled(base, mergee) == merged(base, filled_with)


@given(STORED)
def test_nothing_fills_nothing(stored):
    assert filled(stored, {}) == filled({}, stored) == stored


def deep(levels):
    return {"a": deep(levels - 1)} if levels > 1 else {}


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({}, id="empty"),
        pytest.param(deep(MAX_DEPTH), id="depth"),
        pytest.param({"a": [[[[]]]]}, id="depth-of-lists"),
        pytest.param({"a": {str(i): i for i in range(MAX_KEYS - 1)}}, id="keys"),
        pytest.param({"a": "\N{SNOWMAN}" * ((MAX_BYTES - 8) // 3)}, id="bytes"),
    ],
)
def test_values_at_the_limit_are_valid(value):
    assert validate_custom_attributes(value) is None


@pytest.mark.parametrize(
    ("value", "code"),
    [
        pytest.param(None, "invalid", id="null"),
        pytest.param([{}], "invalid", id="list"),
        pytest.param(deep(MAX_DEPTH + 1), "too_deep", id="depth"),
        pytest.param({"a": [[[[[]]]]]}, "too_deep", id="depth-of-lists"),
        pytest.param({"a": [{str(i): i for i in range(MAX_KEYS)}]}, "too_many_keys", id="keys-in-lists"),
        pytest.param({"a": [{"b" * 101: 1}]}, "key_too_long", id="key-in-list"),
        pytest.param({"a": "\N{SNOWMAN}" * (MAX_BYTES // 3)}, "too_large", id="bytes-not-characters"),
    ],
)
def test_values_beyond_the_limit_are_not(value, code):
    with pytest.raises(ValidationError) as refusal:
        validate_custom_attributes(value)

    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", 7),
        ("-7", -7),
        ("1.5", 1.5),
        ("1.0", 1.0),
        ("1e20", 1e20),
        ("1" + "0" * 20, 1e20),
        ("1e+18", 10**18),
        ("1" + "0" * 18, 10**18),
        ("1.152921504606847e+18", 1152921504606847000),
        ("9223372036854775807", 2**63 - 1),
        ("1.7976931348623157e+308", 1.7976931348623157e308),
        ("-0", 0),
    ],
)
def test_numbers_are_read_alike_however_the_database_writes_them(text, number):
    read = json.loads(text, cls=AttributesDecoder)

    assert (read, type(read)) == (number, type(number))


def test_a_number_counts_as_long_as_it_comes_back():
    within, beyond = [{"a": [1e18] * length} for length in (1_600, 1_700)]

    validate_custom_attributes(as_stored(within))
    with pytest.raises(ValidationError, match="bytes"):
        validate_custom_attributes(as_stored(beyond))
    assert len(json.dumps(beyond)) < MAX_BYTES

import pytest

# Its assertions then show what they compared, as those of the tests do.
pytest.register_assert_rewrite("tests.identity_calls")

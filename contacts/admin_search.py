"""What a search in the admin takes: up to ten texts separated by commas, and numbers of contacts like #19."""

import re
from collections.abc import Iterable

TERMS = 10
NUMBER = re.compile("#[0-9]{1,18}")
MERGED = ("base_contact_id", "mergee_contact_id")  # which contacts the record of a merge is found by


def parts(search_term: str) -> list[str]:
    return [term for part in search_term.split(",")[:TERMS] if (term := part.strip())]


def listed(numbers: Iterable[int]) -> str:
    """Return what finds the contacts of these ``numbers``, or the records of their merges."""
    return ", ".join(f"#{number}" for number in numbers)

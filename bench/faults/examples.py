"""Examples that hypothesis generates, for a loop of one's own. Needs hypothesis."""

from typing import TypeVar

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis.strategies import SearchStrategy

Example = TypeVar("Example")


def examples(strategy: SearchStrategy[Example], number: int, seed: int) -> list[Example]:
    """Return up to so many examples, the same ones for the same seed."""
    found: list[Example] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=number,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=[*HealthCheck],
    )
    @hypothesis.given(strategy)
    def collect(example: Example) -> None:
        found.append(example)

    collect()
    return found

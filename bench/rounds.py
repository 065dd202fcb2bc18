"""Rounds: every contender in its turn, every call in its turn, again and again."""

import statistics
from collections.abc import Sequence

from .calls import CALLS
from .contenders import Contender
from .progress import say

Rates = dict[str, list[float]]  # calls a second, one figure a round, by name of the call


def measure(contenders: Sequence[Contender], rounds: int) -> dict[str, Rates]:
    """Return the rates of every contender by its name; raises ``Refused``."""
    measured: dict[str, Rates] = {contender.name: {call.name: [] for call in CALLS} for contender in contenders}
    for number in range(1, rounds + 1):
        for contender in contenders:
            say(f"Round {number} of {rounds}: {contender.name}")
            with contender.running() as rate:
                for call in CALLS:
                    measured[contender.name][call.name].append(rate(call))
                    say(f"  {call.label:<22} {measured[contender.name][call.name][-1]:>8.0f} a second")
    return measured


def medians(rates: Rates) -> dict[str, float]:
    return {call: statistics.median(figures) for call, figures in rates.items()}

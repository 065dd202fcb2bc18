"""What is said on the way, apart from the result."""

import sys


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)

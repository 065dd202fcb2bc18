"""Load by wrk: how many calls a server answers in a second, or why that cannot be said."""

import subprocess
from pathlib import Path

from .calls import ORIGIN

CONNECTIONS = 16
THREADS = 2
SCRIPT = Path(__file__).with_name("load.lua")


class Refused(Exception):
    """What was measured is not worth reporting; the text says why."""


def rate(address: str, requests: Path, *, seconds: int, once: bool = False) -> float:
    """Return the answers a second that ``address`` gives to the requests of a file, sent in turn and again.

    Raises ``Refused`` when an answer was not 200 or a socket failed; with ``once``, also when the file did not last.
    """
    command = ["wrk", f"-t{THREADS}", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "-s", str(SCRIPT)]
    arguments = [f"http://{address}", "--", str(requests), str(THREADS), ORIGIN]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)  # noqa: S603 (a command of ours)
    if done.returncode:
        raise Refused(f"wrk failed: {done.stdout}{done.stderr}")
    return evaluate(done.stdout, once=once)


def evaluate(output: str, *, once: bool) -> float:
    """Return the answers a second that wrk's output tells of; raises ``Refused`` like ``rate``."""
    lines = output.partition("-- result --\n")[2].splitlines()
    result = dict(line.split(" ", 1) for line in lines)
    if not lines or int(result["answers"]) == 0:
        raise Refused(f"No answer came: {output}")
    if int(result["refused"]):
        raise Refused(f"{result['refused']} of {result['answers']} answers were not 200, like: {result['answer']}")
    if int(result["socket_errors"]):
        raise Refused(f"{result['socket_errors']} connections failed or timed out.")
    if once and int(result["repeats"]):
        raise Refused("The prepared requests did not last; new contacts were sent twice.")
    return int(result["answers"]) / int(result["microseconds"]) * 1_000_000

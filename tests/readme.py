"""The README, taken apart: its code blocks by label, the rows of its tables, its links.

A block is labelled after its language, like `sh migrate`.
"""

import re
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^ *```(?P<info>[^`\n]*)\n(?P<code>.*?)^ *```$", re.MULTILINE | re.DOTALL)


def blocks() -> dict[str, str]:
    """Return the code of every block by its label; raises ``ValueError`` for a label that is missing or doubled."""
    found: dict[str, str] = {}
    for fence in FENCE.finditer(TEXT):
        _language, _space, label = fence["info"].partition(" ")
        if not label or label in found:
            raise ValueError(f"A block needs a language and a label of its own: {fence['info']!r}")
        found[label] = dedent(fence["code"])
    return found


def block(label: str) -> str:
    return blocks()[label]


def table(heading: str) -> list[list[str]]:
    """Return the cells of the table below the line ``## heading``, without its head; code without its backticks."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def prose() -> str:
    """Return the README without its blocks."""
    return FENCE.sub("", TEXT)


def links() -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", prose())


def anchors() -> set[str]:
    """Return the names under which headings can be linked to."""
    headings = re.findall(r"^#+ (.+)$", prose(), re.MULTILINE)
    return {"#" + re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}

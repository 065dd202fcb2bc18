"""The ratios, the bars, and how both are shown."""

from collections.abc import Mapping
from typing import Any

from .calls import CALLS

# Of the limit and of the textbook.
BARS = {
    "create_new": (0.35, 4.5),
    "create_known": (0.25, 3.0),
    "get": (0.08, 3.5),
    "patch": (0.22, 4.0),
}
HEAD = ("calls a second", "limit", "textbook", "ours", "of limit", "bar", "", "of textbook", "bar", "")
WIDTHS = (22, 9, 9, 9, 9, 6, 7, 12, 6, 7)
Medians = Mapping[str, float]


def compare(limit: Medians, textbook: Medians, ours: Medians) -> dict[str, dict[str, Any]]:
    """Return for each call the three rates, their ratios, the bars, and whether these are met."""
    return {name: _compare(limit[name], textbook[name], ours[name], BARS[name]) for name in BARS}


def _compare(limit: float, textbook: float, ours: float, bars: tuple[float, float]) -> dict[str, Any]:
    ratios = ours / limit, ours / textbook
    met = [ratio >= bar for ratio, bar in zip(ratios, bars, strict=True)]
    return {
        "limit": round(limit, 1),
        "textbook": round(textbook, 1),
        "ours": round(ours, 1),
        "of_limit": {"ratio": round(ratios[0], 3), "bar": bars[0], "met": met[0]},
        "of_textbook": {"ratio": round(ratios[1], 3), "bar": bars[1], "met": met[1]},
    }


def all_met(compared: Mapping[str, Mapping[str, Any]]) -> bool:
    return all(call[of]["met"] for call in compared.values() for of in ("of_limit", "of_textbook"))


def text(result: Mapping[str, Any]) -> str:
    """Return the result of a run as a person reads it."""
    rows = [HEAD, *(_row(call.label, result["calls"][call.name]) for call in CALLS)]
    verdict = "All bars are met." if result["met"] else "Not all bars are met."
    in_one = ", ".join(
        f"{name} {one['limit']:.0f} ({one['ratio']:g})" for name, one in result["as_one_statement"].items()
    )
    note = (
        "What writes is sent as one statement; its limit above is that of the same in a transaction of several.\n"
        f"Of the one, pgbench sends in a second (and ours is of it): {in_one}."
    )
    return "\n".join([*map(line, rows), verdict, note, "", *circumstances(result)])


def _row(label: str, call: Mapping[str, Any]) -> tuple[str, ...]:
    rates = [f"{call[name]:.0f}" for name in ("limit", "textbook", "ours")]
    return (label, *rates, *_ratio(call["of_limit"]), *_ratio(call["of_textbook"]))


def _ratio(of: Mapping[str, Any]) -> tuple[str, str, str]:
    return f"{of['ratio']:.3f}", f"{of['bar']:g}", "met" if of["met"] else "missed"


def line(cells: tuple[str, ...]) -> str:
    first, *others = cells
    columns = [first.ljust(WIDTHS[0]), *(cell.rjust(width) for cell, width in zip(others, WIDTHS[1:], strict=False))]
    return "  ".join(columns).rstrip()


def circumstances(result: Mapping[str, Any]) -> list[str]:
    machine, how = result["machine"], result["settings"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    durability = ", ".join(f"{name} {value}" for name, value in machine["postgresql"].items())
    load = result["load_average"]
    return [
        ", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in how.items()),
        f"{machine['processor']}, {machine['cores']} cores; {versions}",
        f"PostgreSQL: {durability}",
        f"Load average before {load['before']}, after {load['after']}; {result['date']}",
    ]

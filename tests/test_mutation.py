"""What ``nox -s mutation`` stands on is there: it takes too long to notice by itself."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mutmut"]
ROWS = [
    [cell.strip(" `").replace("\0", "|") for cell in line.replace("\\|", "\0").strip("|").split("|")]
    for line in (ROOT / "tests" / "mutants.md").read_text().splitlines()
    if line.startswith("| `")
]


def on_one_line(code):
    return " ".join(code.split())


@pytest.mark.parametrize("setting", ["source_paths", "only_mutate", "also_copy", "pytest_add_cli_args_test_selection"])
def test_what_the_configuration_names_is_there(setting):
    assert CONFIG[setting]
    assert [name for name in CONFIG[setting] if not (ROOT / name).exists()] == []


def test_survivors_are_listed_with_the_line_as_it_is_now_and_a_reason():
    assert ROWS
    for module, before, after, reason in ROWS:
        assert module in CONFIG["only_mutate"]
        assert on_one_line(before) in on_one_line((ROOT / module).read_text())
        assert before != after
        assert reason.endswith(".")

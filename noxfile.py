"""What takes too long for every change: ``nox -s mutation``."""

import re
import shutil
from pathlib import Path

import nox

BAR = 95  # per cent
CONFIG = nox.project.load_toml("pyproject.toml")["tool"]["mutmut"]
SURVIVORS = Path("tests/mutants.md")
# mutmut passes decorated functions by, among them the heart of the rules; `f = decorator(f)` it does not.
DECORATED = re.compile(r"^@([\w.]+)\n(def (\w+)\(.*?\n)(?=\n\n\S|\Z)", re.MULTILINE | re.DOTALL)


@nox.session
def mutation(session: nox.Session) -> None:
    """Change the rules in all small ways; fail when the tests notice too few, or miss one that is not listed."""
    session.install("-e", ".[site,test,mutation]")
    listed = SURVIVORS.read_text()
    copy = Path(session.create_tmp()).resolve() / "copy"
    _copy(copy)
    with session.chdir(copy):
        # With a pattern, mutmut first runs the tests by their names, and stops if one is not found.
        session.run("mutmut", "run", "--max-children", "1", *(session.posargs or ["*"]))
        results = _results(session)
        survivors = [name for name, result in results.items() if result not in ("killed", "timeout")]
        unlisted = [name for name in survivors if not _is_listed(_show(session, name), listed)]
    score = 100 - 100 * len(survivors) / len(results)
    session.log(f"{len(results)} mutants, {len(survivors)} survived: {score:.1f} % killed.")
    if score < BAR or unlisted:
        session.error(f"Bar: {BAR} %. Not listed in {SURVIVORS}: {', '.join(unlisted) or 'none'}.")


def _copy(copy: Path) -> None:
    """Copy what mutmut needs, so that the working tree stays as it is."""
    shutil.rmtree(copy, ignore_errors=True)
    for name in (*CONFIG["source_paths"], *CONFIG["also_copy"], "tests", "pyproject.toml"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if Path(name).is_dir() else shutil.copy)(name, copy / name)
    for name in CONFIG["only_mutate"]:
        module = copy / name
        module.write_text(DECORATED.sub(r"\2\n\n\3 = \1(\3)\n", module.read_text()))


def _results(session: nox.Session) -> dict[str, str]:
    lines = str(session.run("mutmut", "results", "--all", "true", silent=True)).splitlines()
    results = dict(line.strip().split(": ") for line in lines if ": " in line)
    return {name: result for name, result in results.items() if result != "not checked"}


def _show(session: nox.Session, name: str) -> str:
    diff = str(session.run("mutmut", "show", name, silent=True))
    session.log(diff)
    return diff


def _is_listed(diff: str, listed: str) -> bool:
    """Return whether a row of the table begins with this change: module, line before, line after."""
    patterns = (r"^--- (.+)", r"^-(?!--) *(.+)", r"^\+(?!\+\+) *(.+)")
    cells = [" ".join(re.findall(pattern, diff, re.MULTILINE)).replace("|", "\\|") for pattern in patterns]
    return "".join(f"| `{cell}` " for cell in cells) + "|" in listed

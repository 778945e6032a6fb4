"""No module imports another that imports it, not even where a function or a type does it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tests.support.tools import ROOT

FOLDERS = ("shared", "functions", "standalone", "bench", "infra", "rowpost", "tools")


def modules() -> dict[str, Path]:
    """Each of our own modules, and its file."""
    files = [ROOT / "function_app.py"]
    files += [file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")]
    return {_name_of(file): file for file in files}


def imported(source: str, ours: Mapping[str, object]) -> Iterator[str]:
    """Which of our modules this one names, wherever in it the import stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in ours)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            for alias in node.names:
                # A module that is taken from its package; else something that is in a module.
                names = (f"{node.module}.{alias.name}", node.module or "")
                yield from [name for name in names if name in ours][:1]


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """Modules of which each imports the next and the last the first; empty: there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found[::-1]
    return []


def test_no_module_imports_one_that_imports_it() -> None:
    ours = modules()

    assert len(ours) > 400
    graph = {name: set(imported(file.read_text("utf-8"), ours)) for name, file in ours.items()}
    assert circle(graph) == []


def test_a_circle_is_found_wherever_its_imports_stand() -> None:
    ours = {
        "a": "import b",
        "b": "def late() -> None:\n    from c import something",
        "c": "if TYPE_CHECKING:\n    from a import Something",
    }

    graph = {name: set(imported(source, ours)) for name, source in ours.items()}

    assert graph == {"a": {"b"}, "b": {"c"}, "c": {"a"}}
    assert set(circle(graph)) == {"a", "b", "c"}
    assert circle(graph | {"c": set()}) == []


def _name_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

"""What must hold of the Bicep files, each as a function that answers with the faults it finds."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tree_sitter import Node

from tests.infra.bicep import Bicep, called, members, string, text, walk

FUNCTIONS = frozenset(
    {
        *("concat", "empty", "environment", "guid", "json", "loadTextContent", "replace"),
        *("string", "subscription", "subscriptionResourceId", "take", "tenant", "toLower"),
        *("union", "uniqueString"),
    }
)
"""What the files call; none of these answers anything secret, as listKeys does."""

FORBIDDEN_ON_FLEX = frozenset(
    {
        "FUNCTIONS_WORKER_RUNTIME",
        "FUNCTIONS_WORKER_RUNTIME_VERSION",
        "FUNCTIONS_EXTENSION_VERSION",
        "SCM_DO_BUILD_DURING_DEPLOYMENT",
        "ENABLE_ORYX_BUILD",
        "WEBSITE_RUN_FROM_PACKAGE",
        "WEBSITE_TIME_ZONE",
        "TZ",
    }
)
_FORBIDDEN_PREFIXES = ("WEBSITE_CONTENT",)

_GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_SECRET_NAME = re.compile(r"connectionstring|password|primarykey|secret|instrumentationkey", re.I)
_AZD_VALUE = re.compile(r"\$\{(\w+)(=[^}]*)?\}")


def syntax(file: Bicep) -> Iterator[str]:
    for node in file.faults:
        yield f"{file.path}:{node.start_point[0] + 1}: not Bicep: {text(node)[:60]!r}"


def undefined_symbols(file: Bicep) -> Iterator[str]:
    known = {
        *file.parameters,
        *file.variables,
        *file.resources,
        *file.modules,
        *file.functions,
        "az",
        "sys",
    }
    for node in file.uses():
        if text(node) not in known:
            yield f"{file.path}:{node.start_point[0] + 1}: {text(node)} is declared nowhere"
    for node in file.calls():
        name = called(node)
        if node.children[0].type == "identifier" and name not in FUNCTIONS | file.functions:
            yield f"{file.path}:{node.start_point[0] + 1}: {name}() is no function that may be used"


def unused_symbols(file: Bicep) -> Iterator[str]:
    used = {text(node) for node in file.uses()}
    for name in {*file.parameters, *file.variables} - used:
        yield f"{file.path}: {name} is declared and not used"


def module_parameters(file: Bicep) -> Iterator[str]:
    """Against the files that the modules name: what they ask for, what they hand out."""
    modules = {}
    for module in file.modules.values():
        path = file.path.parent / module.path
        if not path.is_file():
            yield f"{file.path}: there is no {module.path}"
            continue
        modules[module.symbol] = there = Bicep.read(path)
        asked = {name for name, each in there.parameters.items() if each.required}
        yield from (f"{file.path}: {module.path} asks for {n}" for n in asked - module.given.keys())
        unknown = module.given.keys() - there.parameters.keys()
        yield from (f"{file.path}: {module.path} has no parameter {n}" for n in unknown)
    for symbol, output in _outputs_used(file):
        if symbol in modules and output not in modules[symbol].outputs:
            yield f"{file.path}: {symbol} has no output {output}"


def module_names(file: Bicep) -> Iterator[str]:
    """Bicep makes a name for each deployment of a module; a fixed one has two of them in one."""
    for module in file.modules.values():
        if "name" in module.properties:
            yield f"{file.path}: the module {module.symbol} has a name of its own"


def loose_types(file: Bicep) -> Iterator[str]:
    """`object` and `array` say nothing of what they hold."""
    for node in walk(file.root):
        is_type = node.type == "primitive_type" or (
            node.type == "identifier" and node.parent and node.parent.type == "type_declaration"
        )
        if is_type and text(node) in ("object", "array"):
            yield f"{file.path}:{node.start_point[0] + 1}: the type {text(node)} says too little"


def unforeseeable_resources(file: Bicep) -> Iterator[str]:
    """What-if shows no resource whose name or condition another module has to answer first."""
    for module in file.modules.values():
        deciding = Bicep.read(file.path.parent / module.path).deciding_parameters()
        for name in deciding & module.given.keys():
            if not file.is_known_at_start(module.given[name]):
                yield f"{file.path}: {module.path} names or chooses resources by {name}"


LONGEST_LINE = 120


def formatting(file: Bicep) -> Iterator[str]:
    """Where `bicep format` would write otherwise, of what it has changed here before.

    A loop or a choice that spans lines begins on a line of its own, and its parts are set in.
    """
    for number, line in enumerate(file.text.split("\n"), start=1):
        if line != line.rstrip() or "\t" in line:
            yield f"{file.path}:{number}: blanks at the end, or tabs"
        if (len(line) - len(line.lstrip())) % 2:
            yield f"{file.path}:{number}: not set in by two"
        if len(line) > LONGEST_LINE and not _is_one_text(line):
            yield f"{file.path}:{number}: longer than {LONGEST_LINE}"
    if "\n\n\n" in file.text or not file.text.endswith("\n") or file.text.endswith("\n\n"):
        yield f"{file.path}: too many empty lines, or no end of the last"
    for node in walk(file.root):
        first, last = node.start_point[0], node.end_point[0]
        parted = {"for_statement": ("for",), "ternary_expression": ("?", ":")}.get(node.type, ())
        for part in node.children if first != last else []:
            if part.type in parted and not _begins_a_line(file, part):
                yield f"{file.path}:{part.start_point[0] + 1}: {part.type} within a line"


def _is_one_text(line: str) -> bool:
    """A comment, or a text that cannot be parted: those may be as long as they are."""
    return line.lstrip().startswith("//") or re.search(r"'[^']{60,}'", line) is not None


def _begins_a_line(file: Bicep, node: Node) -> bool:
    row, column = node.start_point
    return not file.text.split("\n")[row][:column].strip()


_LEAST_CORES = {1: 0.5, 2: 0.5, 4: 0.5, 6: 0.75, 8: 1.0}
"""https://learn.microsoft.com/azure/azure-sql/database/resource-limits-vcore-single-databases:
General Purpose, serverless, Gen5: the least that may be kept, by the most."""


def capacities(main: Bicep, database: Bicep) -> Iterator[str]:
    """The smallest capacity of the database against the cores that may be chosen."""
    chosen = {int(cores) for cores in main.allowed("sqlMaximumCores")}
    given = {
        int(cores): float(string(least))
        for cores, least in members(database.variables["smallestCapacity"]).items()
    }
    yield from (f"{cores} cores may be chosen and have no least" for cores in chosen - given.keys())
    for cores, least in given.items():
        if _LEAST_CORES.get(cores) != least:
            yield f"{cores} cores keep at least {_LEAST_CORES.get(cores)}, not {least}"
    if not any("smallestCapacity[" in text(node) for node in walk(database.root)):
        yield "smallestCapacity is not used"


def parameter_file(file: Bicep, parameters: Mapping[str, Any]) -> Iterator[str]:
    """Against azd's `main.parameters.json`, read."""
    given = parameters["parameters"]
    asked = {name for name, each in file.parameters.items() if each.required}
    yield from (f"nothing is given for {name}" for name in asked - given.keys())
    yield from (f"{file.path} has no parameter {n}" for n in given.keys() - file.parameters.keys())
    for name in given.keys() & file.parameters.keys():
        yield from _unfit_value(file, name, str(given[name].get("value")))


def _unfit_value(file: Bicep, name: str, value: str) -> Iterator[str]:
    """azd takes numbers and true or false out of its texts, where the parameter asks for them."""
    found = _AZD_VALUE.fullmatch(value)
    default = value if found is None else (found[2] or "=")[1:]
    parameter = file.parameters[name]
    if found and found[2] is None and not parameter.required:
        yield f"{name} is empty where nobody sets {found[1]}: give it a default"
    fits = {"int": r"\d+", "bool": "true|false"}.get(parameter.type)
    if fits and not re.fullmatch(fits, default):
        yield f"{name} is {parameter.type}, and {default!r} is not"


def api_versions(file: Bicep, allowed: Mapping[str, str]) -> Iterator[str]:
    for resource in file.resources.values():
        if resource.version is None and "." not in resource.type:
            continue  # A nested one: it has its parent's version.
        if allowed.get(resource.type) != resource.version:
            yield (
                f"{file.path}: {resource.type}@{resource.version} is not the version that was "
                f"looked up: {allowed.get(resource.type)}"
            )


def role_ids(file: Bicep, allowed: Mapping[str, str]) -> Iterator[str]:
    """Each GUID of the file must be a role's, in a variable that is named like the role."""
    of_variables = {text(node): name for name, node in file.variables.items()}
    for each in file.strings:
        for guid in _GUID.findall(each):
            name = of_variables.get(f"'{guid}'")
            if allowed.get(guid) is None or allowed[guid] != name:
                yield f"{file.path}: {guid} is not the id of the role {name}"


def secrets_in_outputs(file: Bicep) -> Iterator[str]:
    secure = {name for name, each in file.parameters.items() if each.secure}
    for output in file.outputs.values():
        for node in walk(output.value):
            if node.type == "call_expression" and called(node).startswith(("list", "getSecret")):
                yield f"{file.path}: the output {output.name} calls {called(node)}()"
            elif node.type == "property_identifier" and _SECRET_NAME.search(text(node)):
                yield f"{file.path}: the output {output.name} shows {text(node)}"
            elif node.type == "identifier" and text(node) in secure:
                yield f"{file.path}: the output {output.name} shows the parameter {text(node)}"
        if _SECRET_NAME.search(output.name):
            yield f"{file.path}: the output {output.name} is named like a secret"


def app_settings(file: Bicep) -> dict[str, Node]:
    """The settings of the app, in the variable that is named so."""
    return members(file.variables["settings"])


def forbidden_settings(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        if name in FORBIDDEN_ON_FLEX or name.startswith(_FORBIDDEN_PREFIXES):
            yield f"{name} may not be set on Flex Consumption"


def unknown_settings(
    names: Iterable[str], of_rowpost: Collection[str], of_others: Collection[str]
) -> Iterator[str]:
    for name in names:
        if name not in of_rowpost and name not in of_others:
            yield f"{name} is a setting that nobody reads"


def missing_settings(names: Collection[str], needed: Iterable[str]) -> Iterator[str]:
    yield from (f"{name} is not set, and needed" for name in needed if name not in names)


def _outputs_used(file: Bicep) -> Iterator[tuple[str, str]]:
    """`module.outputs.name`, wherever it stands."""
    for node in walk(file.root):
        if node.type == "member_expression" and node.children[0].type == "member_expression":
            inner = node.children[0]
            if text(inner.children[-1]) == "outputs":
                yield text(inner.children[0]), text(node.children[-1])


def bicep_files(folder: Path) -> list[Bicep]:
    return [Bicep.read(path) for path in sorted(folder.rglob("*.bicep"))]

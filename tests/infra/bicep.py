"""A Bicep file as its declarations, read with tree-sitter: no Bicep compiler is at hand here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

_parser = Parser(Language(tree_sitter_bicep.language()))

_DECLARATIONS = {
    "parameter_declaration",
    "variable_declaration",
    "resource_declaration",
    "module_declaration",
    "output_declaration",
    "type_declaration",
    "user_defined_function",
}


@dataclass(frozen=True)
class Parameter:
    name: str
    type: str
    required: bool
    secure: bool


@dataclass(frozen=True)
class Resource:
    symbol: str
    type: str
    """Of a nested one: its own part of the type, without a version."""
    version: str | None


@dataclass(frozen=True)
class Module:
    symbol: str
    path: str
    properties: Mapping[str, Node]
    given: Mapping[str, Node]
    """The parameters' values by name."""


@dataclass(frozen=True)
class Output:
    name: str
    value: Node


class Bicep:
    """One file's text, and what it declares and uses."""

    def __init__(self, text: str, path: Path = Path("text.bicep")) -> None:
        self.path = path
        self.text = text
        self.root = _parser.parse(text.encode()).root_node

    @classmethod
    def read(cls, path: Path) -> Bicep:
        return cls(path.read_text("utf-8"), path)

    @cached_property
    def faults(self) -> list[Node]:
        return [node for node in walk(self.root) if node.is_error or node.is_missing]

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        found = {}
        for node in self._all("parameter_declaration"):
            name = _symbol(node)
            found[name] = Parameter(
                name,
                text(_child(node, "type")),
                required=not any(child.type == "=" for child in node.children),
                secure="secure" in _decorators(node),
            )
        return found

    def allowed(self, parameter: str) -> list[str]:
        """The values that `@allowed` lets through, as they are written."""
        for node in self._all("parameter_declaration"):
            before = node.prev_named_sibling
            if _symbol(node) == parameter and before and before.type == "decorators":
                for call in walk(before):
                    if call.type == "call_expression" and called(call) == "allowed":
                        values = next(each for each in walk(call) if each.type == "array")
                        return [text(value) for value in values.named_children]
        raise KeyError(parameter)

    @cached_property
    def variables(self) -> dict[str, Node]:
        return {_symbol(node): node.children[-1] for node in self._all("variable_declaration")}

    @cached_property
    def resources(self) -> dict[str, Resource]:
        found = {}
        for node in self._all("resource_declaration"):
            kind, _, version = string(_child(node, "string")).partition("@")
            found[_symbol(node)] = Resource(_symbol(node), kind, version or None)
        return found

    @cached_property
    def modules(self) -> dict[str, Module]:
        found = {}
        for node in self._all("module_declaration"):
            properties = members(next(each for each in walk(node) if each.type == "object"))
            given = members(properties["params"]) if "params" in properties else {}
            path = string(_child(node, "string"))
            found[_symbol(node)] = Module(_symbol(node), path, properties, given)
        return found

    @cached_property
    def outputs(self) -> dict[str, Output]:
        nodes = self._all("output_declaration")
        return {_symbol(node): Output(_symbol(node), node.children[-1]) for node in nodes}

    @cached_property
    def functions(self) -> set[str]:
        return {_symbol(node) for node in self._all("user_defined_function")}

    @cached_property
    def strings(self) -> list[str]:
        return [string(node) for node in walk(self.root) if node.type == "string"]

    def uses(self) -> Iterator[Node]:
        """Every identifier that stands for a value, those of loops and lambdas aside."""
        yield from _uses(self.root, frozenset())

    def calls(self) -> Iterator[Node]:
        """Every call of a function, decorators aside."""
        for node in walk(self.root):
            parent = node.parent
            if node.type == "call_expression" and not (parent and parent.type == "decorator"):
                yield node

    def deciding_parameters(self) -> set[str]:
        """Those on which it depends what resources there are, and under which names."""
        decided = [
            symbol for value in self._deciding_values() for symbol in self._symbols_of(value)
        ]
        return {symbol for symbol in decided if symbol in self.parameters}

    def _deciding_values(self) -> Iterator[Node]:
        for node in walk(self.root):
            if node.type == "if_statement":
                yield _child(node, "parenthesized_expression")
            elif node.type == "for_statement":
                yield node.children[_place(node, "in") + 1]
        for node in self._all("resource_declaration"):
            body = members(next(each for each in walk(node) if each.type == "object"))
            yield body["name"]

    def _symbols_of(self, value: Node) -> Iterator[str]:
        """The identifiers of a value, and those of the variables among them."""
        for node in walk(value):
            if node.type == "identifier":
                yield text(node)
                if (variable := self.variables.get(text(node))) is not None:
                    yield from self._symbols_of(variable)

    def is_known_at_start(self, value: Node) -> bool:
        """Whether no module or resource has to be made before the value is known."""
        made = {*self.modules, *self.resources}
        return not made.intersection(self._symbols_of(value))

    def _all(self, kind: str) -> list[Node]:
        return [node for node in walk(self.root) if node.type == kind]


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, in the order of the text."""
    yield node
    for child in node.children:
        yield from walk(child)


def text(node: Node) -> str:
    assert node.text is not None
    return node.text.decode()


def string(node: Node) -> str:
    """A string's content; what is interpolated stays as it is written."""
    return "".join(text(part) for part in node.children[1:-1])


def members(node: Node) -> dict[str, Node]:
    """An object's properties by name."""
    found = {}
    for each in node.children:
        if each.type == "object_property" and each.children[0].type in ("identifier", "string"):
            key = each.children[0]
            found[text(key) if key.type == "identifier" else string(key)] = each.children[-1]
    return found


def called(node: Node) -> str:
    """The name of the function that a call_expression calls, without its namespace."""
    return text(node.children[0]).rpartition(".")[2]


def _child(node: Node, kind: str) -> Node:
    return next(child for child in node.children if child.type == kind)


def _symbol(node: Node) -> str:
    return text(_child(node, "identifier"))


def _decorators(declaration: Node) -> set[str]:
    before = declaration.prev_named_sibling
    if before is None or before.type != "decorators":
        return set()
    return {called(node) for node in walk(before) if node.type == "call_expression"}


def _uses(node: Node, known: frozenset[str]) -> Iterator[Node]:
    """`known` are the names of the loops and lambdas around the node."""
    if node.type in ("decorators", "type", "comment", "diagnostic_comment"):
        return
    if node.type == "identifier":
        if text(node) not in known:
            yield node
        return
    own = known | _own_names(node)
    for child in _values(node):
        yield from _uses(child, own)


def _values(node: Node) -> list[Node]:
    """The children that are or hold values: no declared name, property name or function name."""
    children = list(node.children)
    if node.type in _DECLARATIONS:
        children.remove(_child(node, "identifier"))
    elif node.type == "object_property" and children[0].type == "identifier":
        children = children[1:]
    elif node.type == "call_expression":
        # sys.filter(...), or a resource's method: account.listKeys()
        children = children[1:] if children[0].type == "identifier" else children
    elif node.type == "lambda_expression":
        children = children[-1:]
    elif node.type == "for_statement":
        children = children[_place(node, "in") :]
    return children


def _place(node: Node, kind: str) -> int:
    return [child.type for child in node.children].index(kind)


def _own_names(node: Node) -> frozenset[str]:
    if node.type == "for_statement":
        between = node.children[: _place(node, "in")]
        kinds = ("identifier", "loop_variable", "loop_enumerator")
        return frozenset(text(n) for part in between for n in walk(part) if n.type in kinds)
    if node.type == "lambda_expression":
        heads = node.children[: _place(node, "=>")]
        return frozenset(text(n) for part in heads for n in walk(part) if n.type == "identifier")
    if node.type == "user_defined_function":
        parameters = (n for n in walk(node) if n.type == "parameter")
        return frozenset(text(_child(parameter, "identifier")) for parameter in parameters)
    return frozenset()

"""Where templates run: without a way to Python, and bounded in size and time.

Jinja2's sandbox keeps attributes of Python from templates. Beyond that no method is called, only
filters of a list, every text that is built is measured, and loops and macros look at the clock.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined, TemplateError, UndefinedError, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from shared.submissions.template_errors import MissingVariable, TemplateRefused

LONGEST = 1_000_000
LONGEST_SECONDS = 2.0
_MOST_BITS = 1024
_FILTERS = (
    *("abs", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first", "float"),
    *("int", "items", "last", "length", "list", "lower", "round", "sort", "string", "sum", "title"),
    *("trim", "unique", "upper"),
)
_deadline: ContextVar[float] = ContextVar("deadline")


def rendered(folder: Path, part: str, variables: Mapping[str, Any]) -> str:
    """One file of a template. Raises MissingVariable or TemplateRefused."""
    set_back = _deadline.set(time.monotonic() + LONGEST_SECONDS)
    try:
        return _joined(_environment(folder).get_template(part).generate(dict(variables)))
    except UndefinedError as error:
        raise MissingVariable(error.message or "?") from None
    except SecurityError as error:
        raise TemplateRefused(f"{part} tries what no template may: {error}") from None
    except TemplateError as error:
        raise TemplateRefused(f"{part} is wrong: {error}") from None
    except RecursionError:
        raise TemplateRefused(f"{part} calls itself without an end") from None
    except (TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise TemplateRefused(
            f"{part} can't use a variable of this kind ({type(error).__name__})"
        ) from None
    finally:
        _deadline.reset(set_back)


def variables_in(folder: Path, part: str) -> set[str]:
    """The variables that one file of a template uses. Raises TemplateRefused where it is wrong."""
    from jinja2.meta import find_undeclared_variables

    set_back = _deadline.set(time.monotonic() + LONGEST_SECONDS)
    try:
        source = (folder / part).read_text("utf-8")
        found = find_undeclared_variables(_environment(folder).parse(source))
    except (TemplateError, RecursionError, UnicodeError) as error:
        raise TemplateRefused(f"{part} is wrong: {error}") from None
    finally:
        _deadline.reset(set_back)
    return found - {"_tick", "_concat"}


@lru_cache(maxsize=64)
def _environment(folder: Path) -> _Environment:
    return _Environment(folder)


class _Missing(StrictUndefined):
    @property
    def _undefined_message(self) -> str:
        """The name alone: it is what the caller has to give."""
        return str(self._undefined_name)


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, folder: Path) -> None:
        super().__init__(
            loader=FileSystemLoader(folder),
            autoescape=lambda name: (name or "").endswith(".html"),
            undefined=_Missing,
        )
        self.filters = {name: self.filters[name] for name in _FILTERS}
        self.filters["join"] = _join
        self.globals = {"_tick": _tick, "_concat": _concat}

    def is_safe_callable(self, obj: Any) -> bool:
        return isinstance(obj, Macro) or obj in (_tick, _concat)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or (operator == "%" and not isinstance(left, int | float)):
            raise SecurityError(f"{operator} is not to be used here")
        if operator != "%":
            _measure(_size_of(operator, left, right))
        return super().call_binop(context, operator, left, right)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        _measure(len(source))
        tree: nodes.Template = _Clocked().visit(super()._parse(source, name, filename))
        return tree


class _Clocked(NodeTransformer):
    """Puts a look at the clock into each loop and macro, and measures texts that are joined."""

    def visit_For(self, node: nodes.For) -> nodes.Node:
        return self._clocked(node)

    def visit_Macro(self, node: nodes.Macro) -> nodes.Node:
        return self._clocked(node)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return _call("_concat", node.nodes)

    def _clocked(self, node: nodes.For | nodes.Macro) -> nodes.Node:
        self.generic_visit(node)
        node.body.insert(0, nodes.Output([_call("_tick", [])]))
        return node


def _call(name: str, arguments: list[nodes.Expr]) -> nodes.Call:
    return nodes.Call(nodes.Name(name, "load"), arguments, [], None, None)


def _tick() -> str:
    if time.monotonic() > _deadline.get():
        raise SecurityError("it takes too long")
    return ""


def _measure(size: int) -> None:
    _tick()
    if size > LONGEST:
        raise SecurityError("it becomes too long")


def _size_of(operator: str, left: Any, right: Any) -> int:
    """How long the sum or product gets, in characters, items, or units that numbers can't reach."""
    if isinstance(left, int | float) and isinstance(right, int | float):
        bits = sum(one.bit_length() for one in (left, right) if isinstance(one, int))
        return LONGEST + 1 if bits > _MOST_BITS else 0
    if operator == "+":
        return _length(left) + _length(right)
    times, text = (left, right) if isinstance(left, int) else (right, left)
    return _length(text) * (times if isinstance(times, int) else 1)


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str | list | tuple) else 1


def _concat(*values: Any) -> Any:
    return _join(values)


def _join(values: Iterable[Any], separator: str = "") -> Any:
    """The values as one text, escaped where one of them is HTML."""
    from markupsafe import Markup, escape

    texts = list(values)
    marked = any(isinstance(one, Markup) for one in texts)
    made = [escape(one) if marked else str(one) for one in texts]
    _measure(sum(map(len, made)) + len(separator) * len(made))
    joined = (escape(separator) if marked else separator).join(made)
    return Markup(joined) if marked else joined


def _joined(pieces: Iterable[str]) -> str:
    text: list[str] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        _measure(size)
        text.append(piece)
    return "".join(text)

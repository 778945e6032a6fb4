"""What the fields of a model are: the docstrings that stand below them.

pydantic reads them too (`use_attribute_docstrings`), but as each class is made, which would make
every start longer by a fifth; here a module is read once, when the API is described.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import cache

Docs = Mapping[str, str]


def field_docs(model: type[object]) -> Docs:
    """The docstring of each field that has one, by the field's name; inherited ones, too."""
    told: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if base.__module__.startswith("pydantic."):
            continue
        told |= _of_module(base.__module__).get(base.__qualname__, {})
    return told


@cache
def _of_module(name: str) -> Mapping[str, Docs]:
    """By the names of its classes; a module without a source that can be read says nothing."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[name]))
    except (KeyError, OSError, TypeError):
        return {}
    return {one.name: dict(_docs_in(one)) for one in tree.body if isinstance(one, ast.ClassDef)}


def _docs_in(body: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, below in zip(body.body, body.body[1:], strict=False):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name), annotation=kind),
                ast.Expr(value=ast.Constant(value=str(text))),
            ) if not ast.unparse(kind).startswith("ClassVar"):
                yield name, inspect.cleandoc(text).replace("\n", " ").strip()

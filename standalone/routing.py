"""Which HTTP function answers a path: the route rules of the Functions host.

The host uses ASP.NET Core's route templates and tries functions in the alphabetical order of their
names: the first that matches wins, a literal segment does not beat a parameter, and a constraint
that fails lets the next route try. Case and a trailing slash do not matter.
https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-constraints
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from shared.errors import RowpostError
from standalone.index import HttpFunction


class InvalidRoute(RowpostError):
    """A route template that the host would not load, or that standalone does not know."""


@dataclass(frozen=True, slots=True)
class RouteMatch:
    """The function that answers, with the route values as the text they came in."""

    function: HttpFunction
    values: Mapping[str, str]


class Router:
    """The routes of one app, in the order in which the host tries them."""

    def __init__(self, functions: Iterable[HttpFunction], prefix: str = "") -> None:
        """`prefix` is host.json's `extensions.http.routePrefix`; raises InvalidRoute."""
        self._routes = [
            (function, RouteTemplate.parse("/".join(filter(None, (prefix, function.route)))))
            for function in sorted(functions, key=_by_name)
        ]

    def match(self, method: str, path: str) -> RouteMatch | None:
        """The first function whose method and route fit; None is the host's 404."""
        segments = _segments(path)
        for function, template in self._routes:
            if function.methods is not None and method.upper() not in function.methods:
                continue
            values = template.match(segments)
            if values is not None:
                return RouteMatch(function, values)
        return None


@dataclass(frozen=True, slots=True)
class RouteTemplate:
    """A parsed template such as `api/emails/{id:int}` or `{*path}`."""

    segments: tuple[Literal | Parameter, ...]

    @classmethod
    def parse(cls, template: str) -> RouteTemplate:
        segments = tuple(_parse_segment(text, template) for text in _split(template))
        if segments and segments[0] in _RESERVED:
            raise InvalidRoute(f"Route {template!r} begins with a word that the host keeps.")
        for segment in segments[:-1]:
            if isinstance(segment, Parameter) and (segment.catch_all or segment.optional):
                raise InvalidRoute(f"Only the last segment of {template!r} may be left out.")
        return cls(segments)

    def match(self, segments: list[str]) -> dict[str, str] | None:
        values: dict[str, str] = {}
        for position, expected in enumerate(self.segments):
            rest = segments[position:]
            if not expected.accept(rest, values):
                return None
            if isinstance(expected, Parameter) and expected.catch_all:
                return values
        return values if len(segments) <= len(self.segments) else None


@dataclass(frozen=True, slots=True)
class Literal:
    text: str

    def accept(self, rest: list[str], values: dict[str, str]) -> bool:
        return bool(rest) and rest[0].casefold() == self.text


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    constraints: tuple[Constraint, ...] = ()
    optional: bool = False
    catch_all: bool = False

    def accept(self, rest: list[str], values: dict[str, str]) -> bool:
        value = "/".join(rest) if self.catch_all else (rest[0] if rest else "")
        if not value:
            return self.catch_all or (self.optional and not rest)
        values[self.name] = value
        return all(constraint(value) for constraint in self.constraints)


Constraint = Callable[[str], bool]

_RESERVED = (Literal("admin"), Literal("runtime"))
_PARAMETER = re.compile(r"\{(?P<stars>\*{0,2})(?P<name>\w+)(?P<constraints>(?::.+)?)\}", re.DOTALL)
_NESTED = r"(?:[^()]|\((?:[^()]|\([^()]*\))*\))*"
_CONSTRAINT = re.compile(rf":(?P<name>\w+)(?:\((?P<argument>{_NESTED})\))?")


def _by_name(function: HttpFunction) -> str:
    # .NET's OrdinalIgnoreCase compares in upper case: `_` comes after the letters.
    return function.name.upper()


def _segments(path: str) -> list[str]:
    return path.removeprefix("/").removesuffix("/").split("/") if path.strip("/") else []


def _split(template: str) -> list[str]:
    """The segments of a template; a slash inside braces (a regex) does not end one."""
    return re.findall(r"(?:\{(?:[^{}]|\{\{|\}\})*\}|[^/{}]|[{}])+", template)


def _parse_segment(text: str, template: str) -> Literal | Parameter:
    if "{" not in text and "}" not in text:
        return Literal(text.casefold())
    inner = text
    optional = text.endswith("?}")
    if optional:
        inner = text[:-2] + "}"
    found = _PARAMETER.fullmatch(inner)
    if found is None:
        raise InvalidRoute(f"Segment {text!r} of route {template!r} is not a literal or parameter.")
    return Parameter(
        name=found["name"],
        constraints=_parse_constraints(found["constraints"], template),
        optional=optional,
        catch_all=bool(found["stars"]),
    )


def _parse_constraints(text: str, template: str) -> tuple[Constraint, ...]:
    constraints: list[Constraint] = []
    position = 0
    while position < len(text):
        found = _CONSTRAINT.match(text, position)
        if found is None:
            raise InvalidRoute(f"{text[position:]!r} of route {template!r} is no constraint.")
        constraints.append(_constraint(found["name"], found["argument"], template))
        position = found.end()
    return tuple(constraints)


def _constraint(name: str, argument: str | None, template: str) -> Constraint:
    try:
        if argument is None:
            return _PLAIN[name.lower()]
        return _WITH_ARGUMENT[name.lower()](argument)
    except (KeyError, ValueError, re.error) as error:
        raise InvalidRoute(
            f"Constraint {name!r} of route {template!r} is none that standalone knows: of the "
            "Functions host's it has int, guid and regex."
        ) from error


def _is_int(value: str) -> bool:
    # .NET's int.TryParse: ASCII digits, a sign, white space around.
    if not re.fullmatch(r"\s*[+-]?[0-9]{1,40}\s*", value):
        return False
    return -(2**31) <= int(value) < 2**31


def _is_guid(value: str) -> bool:
    hex_digits = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    forms = rf"[0-9a-f]{{32}}|{hex_digits}|\{{{hex_digits}\}}|\({hex_digits}\)"
    return re.fullmatch(forms, value.strip(), re.IGNORECASE) is not None


def _regex(argument: str) -> Constraint:
    # Braces are doubled in a template; the host looks anywhere in the value.
    pattern = re.compile(argument.replace("{{", "{").replace("}}", "}"), re.IGNORECASE)
    return lambda value: pattern.search(value) is not None


_PLAIN: Mapping[str, Constraint] = {"int": _is_int, "guid": _is_guid}
_WITH_ARGUMENT: Mapping[str, Callable[[str], Constraint]] = {"regex": _regex}

"""The functions of a FunctionApp, by trigger, as the Functions host indexes them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import azure.functions as func
from azure.functions.decorators.function_app import Function
from azure.functions.decorators.http import HttpTrigger
from azure.functions.decorators.queue import QueueTrigger
from azure.functions.decorators.timer import TimerTrigger

from shared.errors import RowpostError


class CannotIndex(RowpostError):
    """A function that standalone cannot run; the whole app stays down, as under the host."""


@dataclass(frozen=True, slots=True)
class IndexedFunction:
    """A function, with the name of the parameter that takes what triggered it."""

    name: str
    parameter: str
    call: Callable[..., Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class HttpFunction(IndexedFunction):
    """Answers `route`; `methods` None is any method."""

    route: str
    methods: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class TimerFunction(IndexedFunction):
    """Runs by `schedule`: NCRONTAB, or a time span."""

    schedule: str


@dataclass(frozen=True, slots=True)
class QueueFunction(IndexedFunction):
    """Takes the messages of `queue`; `connection` names the setting of its storage account."""

    queue: str
    connection: str


AnyFunction = HttpFunction | TimerFunction | QueueFunction


@dataclass(frozen=True, slots=True)
class FunctionIndex:
    """All functions of one app."""

    http: tuple[HttpFunction, ...]
    timers: tuple[TimerFunction, ...]
    queues: tuple[QueueFunction, ...]

    def triggered(self, name: str) -> TimerFunction | QueueFunction | None:
        """The non-HTTP function of that name; like the host, whatever its case."""
        functions: tuple[TimerFunction | QueueFunction, ...] = (*self.timers, *self.queues)
        named = (f for f in functions if f.name.casefold() == name.casefold())
        return next(named, None)


def index(app: func.FunctionApp) -> FunctionIndex:
    """Read the app's functions. To be called once: FunctionApp refuses a second reading.

    Raises CannotIndex for a trigger or binding other than HTTP, timer and storage queue.
    """
    functions = [_indexed(function) for function in app.get_functions()]
    return FunctionIndex(
        http=tuple(f for f in functions if isinstance(f, HttpFunction)),
        timers=tuple(f for f in functions if isinstance(f, TimerFunction)),
        queues=tuple(f for f in functions if isinstance(f, QueueFunction)),
    )


def resolve_settings(text: str) -> str:
    """Replace every `%NAME%` by the app setting NAME; raises CannotIndex when one is missing."""

    def value(found: re.Match[str]) -> str:
        name = found[1]
        if name not in os.environ:
            raise CannotIndex(f"The app setting {name} is missing: set it as environment variable.")
        return os.environ[name]

    return re.sub(r"%([^%]+)%", value, text)


def _indexed(function: Function) -> AnyFunction:
    name, trigger = str(function.get_function_name()), function.get_trigger()
    call = function.get_user_function()
    match trigger:
        case HttpTrigger():
            route, methods = resolve_settings(str(trigger.route)), _methods(trigger)
            indexed: AnyFunction = HttpFunction(name, trigger.name, call, route, methods)
        case TimerTrigger():
            schedule = resolve_settings(trigger.schedule)
            indexed = TimerFunction(name, trigger.name, call, schedule)
        case QueueTrigger():
            queue = resolve_settings(trigger.queue_name)
            indexed = QueueFunction(name, trigger.name, call, queue, trigger.connection)
        case _:
            raise CannotIndex(f"Standalone cannot run function {name!r}: its trigger is unknown.")
    for binding in function.get_bindings():
        if binding is not trigger and binding.type != "http":
            raise CannotIndex(f"Standalone cannot run function {name!r}: it has a further binding.")
    return indexed


def _methods(trigger: HttpTrigger) -> frozenset[str] | None:
    return frozenset(str(method).upper() for method in trigger.methods) if trigger.methods else None

"""What schemathesis loads beside the API's description: it counts the answers by their status."""

from __future__ import annotations

import atexit
import json
import os
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis import Case, HookContext, Response

from tests.fuzz.campaign import COUNTS_FILE

_TIMES = {"send_at": "2100-01-01T00:00:00Z", "expires_at": "2100-01-02T00:00:00Z"}
# The account that a fresh service has.
_ACCOUNT: dict[str, Any] = {"smtp_config_id": 1, "paramCode": "CATCHER"}

# What a program fills there is answered as if it were stored.
_TRAP = "website"

_counts: Counter[int] = Counter()


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """What no JSON Schema can say: which accounts there are, and how times stand to each other."""
    if not isinstance(case.body, dict):
        return
    for name, time in _TIMES.items():
        if _is_time(case.body.get(name)):
            case.body[name] = time
    if _TRAP in case.body:
        case.body[_TRAP] = ""
    for name, account in _ACCOUNT.items():
        given = case.body.get(name)
        if isinstance(given, type(account)) and not isinstance(given, bool):
            case.body[name] = account


@schemathesis.hook
def after_call(context: HookContext, case: Case[Any], response: Response) -> None:
    _counts[response.status_code] += 1


def _is_time(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(datetime.fromisoformat(value))
    except ValueError:
        return False


@atexit.register
def write_counts() -> None:
    Path(os.environ[COUNTS_FILE]).write_text(json.dumps(_counts))

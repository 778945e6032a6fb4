"""What schemathesis loads beside the API's description: it counts the answers by their status."""

from __future__ import annotations

import atexit
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis import Case, HookContext, Response

from tests.fuzz.campaign import COUNTS_FILE

_counts: Counter[int] = Counter()


@schemathesis.hook
def after_call(context: HookContext, case: Case[Any], response: Response) -> None:
    _counts[response.status_code] += 1


@atexit.register
def write_counts() -> None:
    Path(os.environ[COUNTS_FILE]).write_text(json.dumps(_counts))

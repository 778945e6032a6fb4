"""What schemathesis loads beside the API's description: it counts the answers by their status."""

from __future__ import annotations

import atexit
import json
import os
from collections import Counter
from datetime import UTC
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, HookContext, Response

from shared.api.cursor import write_cursor
from shared.outbox.search import Position
from tests.fuzz.campaign import COUNTS_FILE

_counts: Counter[int] = Counter()


@schemathesis.hook
def after_call(context: HookContext, case: Case[Any], response: Response) -> None:
    _counts[response.status_code] += 1


def _cursors() -> st.SearchStrategy[str | None]:
    times = st.datetimes(timezones=st.just(UTC)) | st.none()
    return st.builds(Position, times, st.integers(0, 2**31 - 1)).map(write_cursor)


schemathesis.openapi.format("cursor", _cursors())


@atexit.register
def write_counts() -> None:
    Path(os.environ[COUNTS_FILE]).write_text(json.dumps(_counts))

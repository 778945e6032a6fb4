"""What became of an email, in one sentence: the cases that `rowpost.explain` is held to, too."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from shared.outbox.queries.explain import Known, explain
from shared.outbox.states import Status

FOLDER = Path(__file__).parent
CASES = json.loads((FOLDER / "explained.json").read_text("utf-8"))["cases"]
PROCEDURE = FOLDER.parents[1] / "sql" / "database-mail" / "185-rowpost.explained.sql"
WORDS = (
    "was accepted by the mail server",
    "failed",
    "was taken back before it was sent",
    "and somebody has to decide",
    "is on its way",
    "is held",
    "waits for its next try",
    "that failed",
    "waits to be sent",
)


@pytest.mark.parametrize("case", CASES, ids=[case["known"]["status"] for case in CASES])
def test_the_sentence_is_as_specified(case: dict[str, Any]) -> None:
    given = dict(case["known"])
    for name in ("ended_at", "next_try"):
        if name in given:
            given[name] = datetime.fromisoformat(given[name])

    assert explain(7, Known(Status(given.pop("status")), **given)) == case["expected"]


def test_the_procedure_says_it_in_the_same_words() -> None:
    procedure = PROCEDURE.read_text("utf-8")

    assert {case["known"]["status"] for case in CASES} == set(Status)
    for words in WORDS:
        assert words in procedure
        assert any(words in case["expected"] for case in CASES)

"""The commands of docs/operate.md work as they are written there."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
from contextlib import closing

from tests.support.standalone import Launch, Standalone
from tests.support.tools import ROOT

# Without a quote: it goes into a line of shell.
RUNBOOK_PASSWORD = "the runbook has its own"
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INSERT = """
INSERT INTO Digital_Emaildetails
    (dd_srno, dd_toEmailid, dd_subject, dd_bodyText, dd_SendFlag, dd_LeaseToken)
VALUES (17, 'ann@example.com', 'Hello', 'Hi Ann', 'U', 'the sender that died')
"""


def test_the_commands_of_the_runbook_answer(standalone: Launch) -> None:
    service = standalone(ROWPOST_ADMIN_PASSWORD=RUNBOOK_PASSWORD)
    with closing(sqlite3.connect(service.database)) as connection, connection:
        connection.execute(_INSERT)
    blocks = _BLOCK.findall((ROOT / "docs" / "operate.md").read_text("utf-8"))
    curls = [block for block in blocks if "curl" in block]
    assert len(curls) >= 4

    answers = _answers(service, "".join(curls))

    assert len(answers) == sum(len(re.findall(r"^curl", block, re.MULTILINE)) for block in curls)
    for answer in answers:
        assert isinstance(answer, list) or "code" not in answer, answer
    assert flag(service) == "N", "email 17 was to be sent again"


def _answers(service: Standalone, script: str) -> list[dict[str, object] | list[object]]:
    """What each curl of the script answers, in the words of this service."""
    here = script.replace("http://127.0.0.1:7071", service.base)
    here = here.replace('"password": "..."', f'"password": "{RUNBOOK_PASSWORD}"')
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", re.sub("^curl -s", "echo; curl -s", here, flags=re.M)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]


def flag(service: Standalone) -> str:
    with closing(sqlite3.connect(service.database)) as connection:
        question = "SELECT dd_SendFlag FROM Digital_Emaildetails WHERE dd_srno = 17"
        (found,) = connection.execute(question).fetchone()
    return str(found)

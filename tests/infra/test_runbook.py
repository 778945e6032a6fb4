"""The commands of docs/operate.md work as they are written there."""

from __future__ import annotations

import json
import re
import subprocess

from shared.outbox.states import Flag
from tests.support.database import database_in
from tests.support.emails import email_in, states
from tests.support.standalone import Launch, Standalone
from tests.support.tools import ROOT

# Without a quote: it goes into a line of shell.
RUNBOOK_PASSWORD = "the runbook has its own"
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_commands_of_the_runbook_answer(standalone: Launch) -> None:
    service = standalone(ROWPOST_ADMIN_PASSWORD=RUNBOOK_PASSWORD)
    with database_in(service.database) as database:
        email_in(database, Flag.UNKNOWN, dd_srno=17)
    blocks = _BLOCK.findall((ROOT / "docs" / "operate.md").read_text("utf-8"))
    curls = [block for block in blocks if "curl" in block]
    assert len(curls) >= 4

    answers = _answers(service, "".join(curls))

    assert len(answers) == sum(len(re.findall(r"^curl", block, re.MULTILINE)) for block in curls)
    for answer in answers:
        assert isinstance(answer, list) or "code" not in answer, answer
    with database_in(service.database) as database:
        assert states(database, [17]) == "N", "email 17 was to be sent again"


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

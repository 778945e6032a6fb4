"""The first email after `azd up`, by the lines of docs/install.md, in a service on this machine."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import Any

from tests.support.standalone import Launch, Standalone
from tests.support.tools import ROOT, program

_BLOCKS = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_OF_THE_PAGE = (
    '"smtp_host": "smtp.example.com", "smtp_port": 587, "username": "shop@example.com", '
    '"password": "..."'
)


def test_the_account_is_made_and_sends_its_first_email(standalone: Launch) -> None:
    service = standalone()

    made, sent, health = _answers(service)

    assert "code" not in made, made
    assert sent["recipient"] == "you@example.com", sent
    assert health["status"] == "healthy", health
    assert "SHOP" in {account["code"] for account in health["accounts"]}
    (email,) = service.wait_for_mail(1)
    assert email["From"] == "The shop <shop@example.com>"


def _answers(service: Standalone) -> list[dict[str, Any]]:
    """What each call of the page answers; the mail server is the catcher of this machine."""
    program("curl")
    blocks = _BLOCKS.findall((ROOT / "docs" / "install.md").read_text("utf-8"))
    (block,) = [block for block in blocks if "/api/smtp-configs" in block]
    catcher = (
        f'"smtp_host": "127.0.0.1", "smtp_port": {service.settings["ROWPOST_CATCHER_PORT"]}, '
        '"use_tls": false'
    )
    assert _OF_THE_PAGE in block
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.replace(_OF_THE_PAGE, catcher)],
        env={"PATH": os.environ["PATH"], "ROWPOST_URL": service.base, "TOKEN": service.login()},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]

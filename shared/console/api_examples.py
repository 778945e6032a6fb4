"""A call of the API as somebody would write it: for a shell, and in Python. Pure."""

from __future__ import annotations

import json
import shlex
from pprint import pformat
from textwrap import indent
from typing import Any, NamedTuple

_LONGEST = 88


class Call(NamedTuple):
    """A request: `body` is what its JSON says; None: it has none."""

    method: str
    path: str
    with_token: bool
    body: Any = None


def curl(call: Call) -> str:
    """For a POSIX shell in which URL and TOKEN are set."""
    lines = [f'curl -sS "$URL{call.path}"']
    if call.method not in ("GET", "POST") or (call.method == "POST" and call.body is None):
        lines[0] += f" -X {call.method}"
    if call.with_token:
        lines.append('-H "Authorization: Bearer $TOKEN"')
    if call.body is not None:
        lines.append("-H 'Content-Type: application/json'")
        lines.append(f"-d {shlex.quote(json.dumps(call.body, ensure_ascii=False))}")
    return " \\\n  ".join(lines)


def python(call: Call) -> str:
    """For Python's own library, with URL and TOKEN in the environment."""
    headers = []
    if call.with_token:
        headers.append("""    "Authorization": f"Bearer {os.environ['TOKEN']}",""")
    if call.body is not None:
        headers.append('    "Content-Type": "application/json",')
    lines = ["import json", "import os", "import urllib.request", ""]
    arguments = [f"""    f"{{os.environ['URL']}}{call.path}",""", f'    method="{call.method}",']
    if headers:
        lines += ["headers = {", *headers, "}"]
        arguments.append("    headers=headers,")
    if call.body is not None:
        body = pformat(call.body, width=_LONGEST, sort_dicts=False)
        lines.append(f"body = {indent(body, '       ').lstrip()}")
        arguments.append("    data=json.dumps(body).encode(),")
    else:
        lines.remove("import json")
    lines += [
        "request = urllib.request.Request(",
        *arguments,
        ")",
        "with urllib.request.urlopen(request) as answer:",
        "    print(answer.read().decode())",
    ]
    return "\n".join(lines)

"""YAML files against the schemas that check-jsonschema brings along (nothing is downloaded)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def faults(file: Path, schema: str) -> str | None:
    """What does not fit the schema, None if all does. `schema`: compose-spec, github-workflows."""
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    done = subprocess.run(
        [*check, str(file)], capture_output=True, text=True, check=False, timeout=60
    )
    return None if done.returncode == 0 else done.stdout + done.stderr

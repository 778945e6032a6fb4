"""What the Dockerfile says, read well enough to lay out the image's files without Docker."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.support.tools import ROOT

_CONTINUED = re.compile(r"\\\n\s*")
_ENV = re.compile(r'(\w+)=("[^"]*"|\S+)')


@dataclass(frozen=True)
class Image:
    """The last stage."""

    base: str
    copied: tuple[tuple[str, str], ...]
    """Source and target of each COPY from the project."""
    environment: dict[str, str]
    user: str
    health_check: list[str]
    entry_point: list[str]

    @classmethod
    def read(cls) -> Image:
        text = _CONTINUED.sub(" ", (ROOT / "Dockerfile").read_text("utf-8"))
        lines = [line.partition(" ") for line in text.splitlines() if line and line[0] != "#"]
        last = max(n for n, (word, _, _) in enumerate(lines) if word == "FROM")
        stage = [(word, rest.strip()) for word, _, rest in lines[last:]]
        said = dict(stage)
        return cls(
            base=said["FROM"],
            copied=tuple(each for word, rest in stage if word == "COPY" for each in _copies(rest)),
            environment={
                k: v.strip('"') for w, r in stage if w == "ENV" for k, v in _ENV.findall(r)
            },
            user=said["USER"],
            health_check=json.loads(said["HEALTHCHECK"].partition(" CMD ")[2]),
            entry_point=json.loads(said["ENTRYPOINT"]),
        )

    def lay_out(self, folder: Path) -> None:
        """Copy into `folder` what the image has in its working folder."""
        for source, target in self.copied:
            origin = ROOT / source
            if origin.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(origin, folder / target, ignore=ignored)
            else:
                shutil.copy(origin, folder / target)


def _copies(rest: str) -> list[tuple[str, str]]:
    if rest.startswith("--from"):
        return []
    *sources, target = rest.split()
    return [(source, target) for source in sources]

"""Drains the queue of one data folder in a process of its own and prints what that cost.

python -m bench.drain FOLDER SECONDS
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

from bench.measure import Measurement, peak_rss_mb
from shared.app import Application, use
from shared.delivery import tick
from shared.settings import Settings


def main(folder: Path, longest_seconds: float) -> None:
    application = Application(Settings(data=folder))
    use(application)
    application.database()
    cpu_before, start = time.process_time(), time.perf_counter()
    result = tick.force(application, seconds=longest_seconds)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_before
    application.close()
    measured = Measurement(result.sent, seconds, cpu_seconds, peak_rss_mb(os.getpid()))
    print(json.dumps(asdict(measured)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))

"""The composing process of an email that kills whoever composes it.

python -m tests.faults.poisoned_composer EMAIL_ID
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from shared.delivery.composing import compose_apart, prepare

poison = int(sys.argv[1])
usual = prepare.prepare


def dying_of_poison(email: Any, *more: Any) -> Any:
    """Die of the poison; compose anything else."""
    if email.id == poison:
        os.kill(os.getpid(), signal.SIGKILL)
    return usual(email, *more)


setattr(compose_apart, "prepare", dying_of_poison)  # noqa: B010
compose_apart.main()

"""A Django project with nothing but a queue for emails; SQLite keeps every commit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# As Rowpost opens SQLite: a commit is on the disk when it returns.
_PRAGMAS = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL"


def set_up(folder: Path, smtp_port: int, queue_app: str, **settings: Any) -> None:
    """Configure Django, and make the tables if they are not there."""
    import django
    from django.conf import settings as project
    from django.core.management import call_command

    project.configure(
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": folder / "queue.db",
                "OPTIONS": {
                    "timeout": 30,
                    "transaction_mode": "IMMEDIATE",
                    "init_command": _PRAGMAS,
                },
            }
        },
        INSTALLED_APPS=["django.contrib.contenttypes", queue_app],
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        SECRET_KEY="not needed",
        USE_TZ=True,
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=smtp_port,
        **settings,
    )
    django.setup()
    call_command("migrate", verbosity=0)

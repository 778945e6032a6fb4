"""What Celery's workers load."""

from __future__ import annotations

from bench.compare.with_celery import make_app

app = make_app()

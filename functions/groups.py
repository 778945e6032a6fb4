"""Every group of endpoints: for the Functions host and for the documentation."""

from __future__ import annotations

from functions import docs
from functions.endpoints import ENDPOINTS, Group

GROUPS: tuple[Group, ...] = (*ENDPOINTS, docs)

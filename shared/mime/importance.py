"""How important and how private an email is, as its header says it (RFC 2156, 5.3.4; RFC 4021)."""

from __future__ import annotations

# Beside the standard field, what most mail programs show.
_IMPORTANCE = {
    "high": (("Importance", "high"), ("X-Priority", "1")),
    "low": (("Importance", "low"), ("X-Priority", "5")),
}
_SENSITIVITY = {
    "personal": (("Sensitivity", "Personal"),),
    "private": (("Sensitivity", "Private"),),
    "confidential": (("Sensitivity", "Company-Confidential"),),
}


def marks_of(importance: str | None, sensitivity: str | None) -> tuple[tuple[str, str], ...]:
    """The fields for these words, in any case; none for `normal`, and for what is neither."""
    return (
        *_IMPORTANCE.get((importance or "").strip().lower(), ()),
        *_SENSITIVITY.get((sensitivity or "").strip().lower(), ()),
    )

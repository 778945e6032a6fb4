"""What files are called: as their sender named them, made safe, and as we store them. Pure."""

from __future__ import annotations

import re
import secrets
import unicodedata
from datetime import datetime
from typing import Final

LONGEST_NAME: Final = 100
_LONGEST_ENDING = 20
_LONGEST_KEY_NAME = 60

_SEPARATORS = re.compile(r"[/\\]")
_FORBIDDEN = re.compile(r'[<>:"|?*]')
_BLANKS = re.compile(r"\s+")
_UNSAFE_IN_KEY = re.compile(r"[^A-Za-z0-9._-]+")
_KEY = re.compile(
    r"email_attachments/[0-9]{4}/[0-9]{2}/[0-9]{2}/[0-9a-f]{32}-[A-Za-z0-9_-][A-Za-z0-9._-]{0,59}"
)
# What Windows takes for a device, with any ending: naming files, learn.microsoft.com.
_DEVICES = re.compile(r"(?i)^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?=\.|$)")
# Control characters, those that turn the direction of text, lone surrogates.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def safe_name(name: str) -> str:
    """The last part of a path, fit for any file system and any dialog that shows it.

    Up to 100 characters with the ending kept, never empty, no dot at either end, no device's name.
    """
    last = _SEPARATORS.split(unicodedata.normalize("NFC", name))[-1]
    shown = "".join([" " if one in "\t\r\n" else one for one in last if not _is_hidden(one)])
    tidy = _BLANKS.sub(" ", _FORBIDDEN.sub("_", shown)).strip(" .")
    return _shortened(_DEVICES.sub(r"_\1", tidy) or "file", LONGEST_NAME)


def ending(name: str) -> str:
    """The name's ending in small letters without its dot; empty where there is none."""
    stem, dot, last = name.rpartition(".")
    return last.lower() if dot and stem else ""


def new_key(name: str, now: datetime) -> str:
    """Where a file of this name is stored: `email_attachments/YYYY/MM/DD/<random>-<name>`."""
    plain = unicodedata.normalize("NFKD", safe_name(name)).encode("ascii", "ignore").decode()
    fit = _UNSAFE_IN_KEY.sub("_", plain).strip(".") or "file"
    return (
        f"email_attachments/{now:%Y/%m/%d}/"
        f"{secrets.token_hex(16)}-{_shortened(fit, _LONGEST_KEY_NAME)}"
    )


def is_key(text: str) -> bool:
    """Whether it is a key of ours: nothing else ever becomes a path."""
    return _KEY.fullmatch(text) is not None


def _is_hidden(character: str) -> bool:
    return character not in "\t\r\n" and unicodedata.category(character) in _HIDDEN


def _shortened(name: str, most: int) -> str:
    if len(name) <= most:
        return name
    end = ending(name)
    if not end or len(end) > _LONGEST_ENDING:
        return name[:most].rstrip(" .")
    return name[: most - len(end) - 1].rstrip(" .") + "." + end

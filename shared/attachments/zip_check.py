"""Whether an Office document is harmless to open, judged by its list of contents alone. Pure.

Nothing is unpacked. That list (APPNOTE.TXT 4.3.12) is read only once its own size is known to be
small, and must describe files that lie one behind the other: a zip bomb has them overlap.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Collection
from os import SEEK_END
from typing import BinaryIO

from shared.attachments.names import ending
from shared.attachments.refusal import ContentRefused

_END = struct.Struct("<4s4H2LH")
_END_MARK = b"PK\x05\x06"
# Where there is one, the numbers of a 64-bit list hold in place of those checked here.
_LOCATOR = 20
_LOCATOR_MARK = b"PK\x06\x07"
_LOCAL_HEADER = 30
_LONGEST_LIST = 512 * 1024
_MOST_ENTRIES = 5_000
_MOST_UNPACKED = 100 * 1024 * 1024
_HIGHEST_RATIO = 100
_RATIO_COUNTS_FROM = 10 * 1024 * 1024
_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MACROS = frozenset({"vbaproject.bin", "vbadata.xml"})
_PROGRAMS = frozenset(
    {"bat", "cmd", "com", "dll", "exe", "hta", "jar", "js"}
    | {"lnk", "msi", "pif", "ps1", "scr", "vbs", "vbe", "wsf"}
)


def check_zip(file: BinaryIO, required: Collection[str]) -> None:
    """Raise ContentRefused unless it is a sound zip with these entries, and none that may harm."""
    size = _require_short_list(file)
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, struct.error, ValueError, OverflowError, NotImplementedError):
        raise ContentRefused("the file is damaged, or not what its name says") from None
    _require_modest(entries, size)
    _require_disjoint(entries, size)
    for entry in entries:
        _require_harmless(entry)
    if not {entry.filename for entry in entries}.issuperset(required):
        raise ContentRefused("the content of the file is not what its name says")


def _require_short_list(file: BinaryIO) -> int:
    """The file's size, once its list of contents is known to be the only one, and short."""
    size = file.seek(0, SEEK_END)
    file.seek(max(0, size - _END.size - _LOCATOR))
    locator, end = file.read(_LOCATOR), file.read(_END.size)
    if len(end) < _END.size or not end.startswith(_END_MARK):
        raise ContentRefused("the file is damaged, or not what its name says")
    _, disk, first_disk, here, entries, length, start, comment = _END.unpack(end)
    usual = not (disk or first_disk or comment) and here == entries <= _MOST_ENTRIES
    whole = length <= _LONGEST_LIST and start + length == size - _END.size
    if not (usual and whole) or locator.startswith(_LOCATOR_MARK):
        raise ContentRefused("the file is made in an unusual way: save it anew and send that")
    return size


def _require_modest(entries: list[zipfile.ZipInfo], size: int) -> None:
    unpacked = sum([entry.file_size for entry in entries])
    far = unpacked > _RATIO_COUNTS_FROM and unpacked > _HIGHEST_RATIO * size
    if unpacked > _MOST_UNPACKED or far or len(entries) > _MOST_ENTRIES:
        raise ContentRefused("the file would become far too large when it is opened")


def _require_disjoint(entries: list[zipfile.ZipInfo], size: int) -> None:
    end = 0
    for entry in sorted(entries, key=lambda one: one.header_offset):
        if entry.header_offset < end:
            raise ContentRefused("the file is damaged: parts of it overlap")
        end = entry.header_offset + _LOCAL_HEADER + entry.compress_size
    if end > size:
        raise ContentRefused("the file is damaged: a part of it is missing")


def _require_harmless(entry: zipfile.ZipInfo) -> None:
    path = entry.filename.replace("\\", "/").split("/")
    if entry.flag_bits & _ENCRYPTED or entry.compress_type not in _METHODS:
        raise ContentRefused("the file is locked by a password, or packed in an unusual way")
    if ".." in path or not path[0] or ":" in path[0]:
        raise ContentRefused("the file holds a part whose path leads out of it")
    if path[-1].lower() in _MACROS or ending(path[-1]) in _PROGRAMS:
        raise ContentRefused("the file holds a macro or a program: send it without")

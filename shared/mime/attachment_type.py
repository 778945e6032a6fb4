"""What an attachment is called and what type it has, where its sender has not said so well."""

from __future__ import annotations

import re
from functools import cache
from mimetypes import MimeTypes

from shared.mime.message import Attachment

_UNKNOWN = "application/octet-stream"
_ZIP = "application/zip"
_BEGINNINGS = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"{\\rtf", "application/rtf"),
    (b"PK\x03\x04", _ZIP),
)
_EXTENSIONS = {
    "application/pdf": ".pdf",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "application/rtf": ".rtf",
    _ZIP: ".zip",
}
_PACKED = {
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".docm": "application/vnd.ms-word.document.macroenabled.12",
    ".xlsm": "application/vnd.ms-excel.sheet.macroenabled.12",
    ".pptm": "application/vnd.ms-powerpoint.presentation.macroenabled.12",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".odp": "application/vnd.oasis.opendocument.presentation",
    ".epub": "application/epub+zip",
    ".pkpass": "application/vnd.apple.pkpass",
    ".vsdx": "application/vnd.ms-visio.drawing.main+xml",
    ".xlsb": "application/vnd.ms-excel.sheet.binary.macroenabled.12",
    ".jar": "application/java-archive",
    ".kmz": "application/vnd.google-earth.kmz",
}
# What Python's own list lacks, or calls otherwise from version to version.
_FURTHER = {
    ".7z": "application/x-7z-compressed",
    ".avif": "image/avif",
    ".dxf": "image/vnd.dxf",
    ".flac": "audio/flac",
    ".geojson": "application/geo+json",
    ".gpx": "application/gpx+xml",
    ".heic": "image/heic",
    ".ics": "text/calendar",
    ".js": "text/javascript",
    ".kml": "application/vnd.google-earth.kml+xml",
    ".log": "text/plain",
    ".m4a": "audio/mp4",
    ".md": "text/markdown",
    ".msg": "application/vnd.ms-outlook",
    ".ogg": "audio/ogg",
    ".p7m": "application/pkcs7-mime",
    ".p7s": "application/pkcs7-signature",
    ".rar": "application/vnd.rar",
    ".rtf": "application/rtf",
    ".vcf": "text/vcard",
    ".webp": "image/webp",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}
_COMPRESSED = {
    "gzip": "application/gzip",
    "bzip2": "application/x-bzip2",
    "xz": "application/x-xz",
}
_SEPARATORS = re.compile(r"[/\\]")


def filename(attachment: Attachment) -> str:
    """The last part of the path it was given, or `document` with the ending of its type."""
    name = _SEPARATORS.split((attachment.filename or "").replace("\t", " "))[-1].strip()
    if name.strip("."):
        return name
    return "document" + _EXTENSIONS.get(content_type(attachment), ".bin")


def content_type(attachment: Attachment) -> str:
    """The type it was given, without parameters, or what its first bytes tell, or its name.

    `message/*` and `multipart/*` become octets: base64 is forbidden for them (RFC 2046 5.1, 5.2).
    """
    given = (attachment.content_type or "").partition(";")[0].rstrip()
    found = given or _detected(attachment.content, attachment.filename or "")
    return _UNKNOWN if found.lower().startswith(("message/", "multipart/")) else found


def _detected(content: bytes, name: str) -> str:
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    by_content = next((kind for start, kind in _BEGINNINGS if content.startswith(start)), None)
    if by_content and by_content != _ZIP:
        return by_content
    by_name = _by_name(name)
    if by_content == _ZIP:
        return by_name if by_name in _PACKED.values() else _ZIP
    return by_name


def _by_name(name: str) -> str:
    kind, compression = _known_types().guess_type(f"file:{name}")
    if compression:
        return _COMPRESSED.get(compression, _UNKNOWN)
    return kind or _UNKNOWN


@cache
def _known_types() -> MimeTypes:
    """Python's own list with ours, and not the machine's: the same everywhere."""
    known = MimeTypes()
    for extension, kind in (_PACKED | _FURTHER).items():
        known.add_type(kind, extension)
    return known

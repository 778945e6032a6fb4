"""What callers are told when a file cannot be taken."""

from __future__ import annotations

import pytest

from shared.api.errors import as_api_error
from shared.attachments.keeper import FileTooLarge
from shared.attachments.refusal import ContentRefused, TypeRefused
from shared.attachments.store import AttachmentStoreUnavailable
from shared.outbox.loose_files import FileNotKept


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (FileTooLarge("the file is larger than 10 bytes"), 413, "file_too_large"),
        (TypeRefused("'a.exe' is not of a type that may be sent"), 415, "file_type_refused"),
        (ContentRefused("the file is damaged"), 422, "file_refused"),
        (FileNotKept("a file is no longer kept: send it again"), 409, "file_not_kept"),
        (AttachmentStoreUnavailable("server x"), 503, "attachment_store_unavailable"),
    ],
)
def test_each_has_its_status_and_says_what_to_do(error: Exception, status: int, code: str) -> None:
    answer = as_api_error(error)

    assert (answer.status, answer.code) == (status, code)
    assert "server x" not in answer.message

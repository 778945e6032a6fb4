"""Requests that are carried out once, however often they come: the `Idempotency-Key` header.

    @routes.post("api/emails", who=Role.SERVICE, idempotent=True)
    def store_email(request: Request[EmailToSend]) -> EmailStored:
        return store(..., afterwards=answering(request.once, lambda ids: EmailStored(...)))

The declaration looks for an earlier answer and gives it again; the handler hands `answering` to the
call that stores, which writes key, digest and answer in the email's own transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError
from sqlalchemy import Connection

from shared.api.caller import Caller
from shared.api.errors import ApiError, FieldError
from shared.api.models import Answer, Input
from shared.api.request.form import FormFile
from shared.app import application
from shared.submissions.kept_answers import (
    KeptAnswer,
    complete_answer,
    find_answer,
    keep_answer,
)
from shared.submissions.store import Afterwards

T = TypeVar("T")

HEADER = "Idempotency-Key"
LONGEST_KEY = 255
REPLAYED = {"Idempotency-Replayed": "true"}

Kinds = Mapping[int, tuple[type[Answer], ...]]
"""The answers that an endpoint declares, by status."""


@dataclass(frozen=True, slots=True)
class Once:
    """A request with a key. `id` stands for its caller and key, `digest` for what it says."""

    id: str
    digest: str

    def keep(self, connection: Connection, answer: Answer) -> None:
        """Write key and answer in the caller's transaction. Raises AlreadyKept."""
        status, content = answer.http_status, answer.to_bytes().decode()
        keep_answer(connection, self.id, KeptAnswer(self.digest, status, content))

    def begin(self, connection: Connection) -> None:
        """Write the key of a request whose answer is not known yet. Raises AlreadyKept."""
        keep_answer(connection, self.id, KeptAnswer(self.digest, None, None))

    def complete(self, connection: Connection, answer: Answer) -> None:
        """Write the answer of a request that was begun."""
        status, content = answer.http_status, answer.to_bytes().decode()
        complete_answer(connection, self.id, status, content)


def once_of(
    headers: Mapping[str, str],
    caller: Caller,
    endpoint: str,
    body: Input | None,
    file: FormFile | None = None,
) -> Once | None:
    """The request's key, if it has one. Raises ApiError 422 for one that is no key."""
    key = headers.get(HEADER.lower())
    if key is None:
        return None
    if not key.strip() or len(key) > LONGEST_KEY:
        raise _refused(
            "validation_failed", f"{HEADER} has 1 to {LONGEST_KEY} characters: choose another key."
        )
    said = [part.fingerprint() for part in (body, file) if part is not None]
    return Once(_hash(caller.identity.encode(), key.encode()), _hash(endpoint.encode(), *said))


def earlier_answer(once: Once, kinds: Kinds) -> Answer | None:
    """The answer that the first request with this key got, marked as such; None: this is the first.

    Raises ApiError 422 when that one said something else, 409 while it is still at work.
    """
    with application().database().read() as connection:
        kept = find_answer(connection, once.id)
    if kept is None:
        return None
    if kept.digest != once.digest:
        raise _refused(
            "idempotency_key_reused",
            f"This {HEADER} was used for a request that said something else.",
        )
    if kept.status is None or kept.content is None:
        raise ApiError(
            409,
            "request_in_progress",
            "The first request with this key is still at work: ask again in a moment.",
            headers={"Retry-After": "1"},
        )
    return _as_one_of(kinds[kept.status], kept.content).with_headers(REPLAYED)


def answering(once: Once | None, answer: Callable[[list[T]], Answer]) -> Afterwards[T] | None:
    """What `intake.store` is to write for a request with a key; `answer` of the emails' numbers."""
    if once is None:
        return None
    return lambda connection, stored: once.keep(connection, answer(stored))


def _as_one_of(kinds: tuple[type[Answer], ...], content: str) -> Answer:
    *others, last = kinds
    for kind in others:
        try:
            return kind.model_validate_json(content)
        except ValidationError:
            continue
    return last.model_validate_json(content)


def _refused(code: str, message: str) -> ApiError:
    return ApiError(422, code, message, errors=(FieldError(HEADER, message),))


def _hash(*parts: bytes) -> str:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.hexdigest()

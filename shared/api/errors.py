"""Errors as callers see them, all in one shape, and what of ours becomes which of them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import azure.functions as func

from shared.accounts.errors import AccountNotFound, BadAccountValue, CodeTaken
from shared.api.models import Answer, example
from shared.attachments.keeper import FileTooLarge
from shared.attachments.pending import TooMuchAttached
from shared.attachments.refusal import ContentRefused, TypeRefused
from shared.attachments.store import AttachmentStoreUnavailable
from shared.bounces.mailboxes.admin import TooManyMailboxes
from shared.bounces.mailboxes.mailbox import BadMailboxValue, MailboxNotFound, MailboxOff
from shared.configuration.live_document import DocumentUnreadable
from shared.configuration.secret_store import SecretStoreUnavailable, SecretTooLarge
from shared.database.adoption.server_options import DelayedDurabilityForced
from shared.database.errors import (
    CommitUncertain,
    DatabaseUnreachable,
    SchemaBehind,
    is_transient,
)
from shared.delivery.composing.preview import (
    ContentConfidential,
    ContentTooLarge,
    NoMessage,
    NoSuchFile,
)
from shared.delivery.test_email import AccountUnusable, TrialFailed
from shared.delivery.tick import ServiceStopped
from shared.errors import RowpostError
from shared.features.contact.errors import ContactNotFound, ContactNotSetUp
from shared.features.database_mail.refusal import Refused
from shared.mime.bad_email import BadAddress
from shared.outbox.add import DatabaseMoved
from shared.outbox.bulk.decide import NotPossible
from shared.outbox.cancel_retry_resolve import (
    ContentRemoved,
    NotEnded,
    NotUnknown,
    NotWaiting,
)
from shared.outbox.entries import EmailNotFound
from shared.outbox.loose_files import FileNotKept
from shared.outbox.removal import NotAtRest
from shared.scheduling.relocation import PasswordNeeded, ServiceRuns, TargetUnreachable
from shared.security.foreign_tokens import BadTrust
from shared.security.jwks import KeysUnavailable
from shared.security.kept_keys import KeyNotFound
from shared.security.limits import TooManyRequests
from shared.security.lockout import LockedOut
from shared.security.logins import (
    GivenBySettings,
    LastAdmin,
    LoginTaken,
    TooManyLogins,
    UnknownLogin,
)
from shared.security.passwords import PasswordTooLong
from shared.security.tokens import InvalidToken
from shared.submissions.kept_answers import AlreadyKept
from shared.submissions.submission import ExpiresTooSoon, InvalidEmail
from shared.submissions.template_errors import UnknownTemplate
from shared.webhooks.admin import TooManyWebhooks
from shared.webhooks.destinations import BadDestination
from shared.webhooks.signing_secrets import NoSigningSecret
from shared.webhooks.webhook import DeliveryNotFound, WebhookNotFound

EVERY_ANSWER = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

_INVALID_TOKEN = {"WWW-Authenticate": 'Bearer realm="rowpost", error="invalid_token"'}
_RETRY_SECONDS = "10"
_DATABASE_AWAY = (
    "The database does not answer just now. Try again in a moment; /health shows when it is back."
)
_NO_FILES = "Files cannot be stored just now. Try again in a moment."
_MOVED = "The queue is moving to another database: try again in a moment."
_STOPPED = "The service is stopped: start it with POST /api/service-control, then try again."
_NO_SUCH_EMAIL = "There is no email with this number that you may see: check the number."
_NO_SUCH_CONTACT = "Nothing has this id: check the one that POST /api/email/emails has answered."
_UNCERTAIN = (
    "The database broke off in the middle: look whether the change was made, and if it was not, "
    "try again."
)
_TRUST_MISCONFIGURED = (
    "Tokens of other services are switched on here, but not set up rightly. An administrator finds "
    "the reason in GET /api/health."
)
_UNFORESEEN = (
    "Something went wrong inside Rowpost. Try again; if it stays, give the requestId to your "
    "administrator, who finds the reason in the log."
)


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field, named as the caller named it: `recipients[1]`."""

    field: str
    """The field as it was named: `recipients[1]`."""
    message: str
    """What is wrong with it, and what is taken."""


class Failure(Answer):
    """The body of every answer other than success."""

    model_config = example(
        success=False,
        code="validation_failed",
        message="Some values are missing or not acceptable: see errors.",
        errors=[{"field": "email", "message": "This is no email address."}],
        requestId="4c9af12e96ca4ec9972c99a244adf126",
    )

    success: Literal[False] = False
    """Always false."""
    code: str
    """What went wrong, for programs: it does not change."""
    message: str
    """What went wrong and what to do next, for people: it may change."""
    errors: tuple[FieldError, ...] = ()
    """Each field that is not acceptable."""
    request_id: str
    """What this request is called in the log."""


class NumberedFailure(Failure):
    """The body of a refusal of Database Mail: with the number of its message."""

    number: int
    """The number by which callers of sp_send_dbmail know the message, such as 14607."""


def new_request_id() -> str:
    """What a request's answer and its lines in the log have in common."""
    return uuid.uuid4().hex


class ApiError(RowpostError):
    """An answer other than success. `message` tells a person what to do next."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        errors: tuple[FieldError, ...] = (),
        headers: Mapping[str, str] | None = None,
        number: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors
        self.headers = dict(headers or {})
        self.number = number
        """Of the message, where callers know it by one."""

    def to_response(self, request_id: str | None = None) -> func.HttpResponse:
        """The answer of the contract; its `requestId` is the one in the log, or a new one."""
        request_id = request_id or new_request_id()
        kind: type[Failure] = Failure if self.number is None else NumberedFailure
        own = {} if self.number is None else {"number": self.number}
        failure = kind(
            code=self.code,
            message=self.message,
            errors=self.errors,
            request_id=request_id,
            **own,
        )
        return func.HttpResponse(
            failure.to_bytes(),
            status_code=self.status,
            mimetype=failure.media_type,
            headers={**EVERY_ANSWER, "X-Request-Id": request_id, **self.headers},
        )


def as_api_error(error: Exception) -> ApiError:
    """What a caller is told about `error`: of one that we did not foresee, nothing of its text."""
    match error:
        case ApiError():
            return error
        case InvalidToken():
            return ApiError(401, "invalid_token", str(error), headers=_INVALID_TOKEN)
        case KeyNotFound():
            return ApiError(404, "key_not_found", str(error))
        case BadTrust():
            return _unavailable("trust_misconfigured", _TRUST_MISCONFIGURED)
        case KeysUnavailable():
            return _unavailable("keys_unavailable", str(error))
        case LockedOut():
            return ApiError(
                429, "locked_out", str(error), headers={"Retry-After": str(error.retry_after)}
            )
        case UnknownTemplate():
            return _invalid("template", str(error))
        case ExpiresTooSoon():
            return _invalid("expires_at", str(error))
        case AlreadyKept():
            return ApiError(409, "request_in_progress", "Ask again in a moment.")
        case InvalidEmail():
            return _invalid_email(error)
        case Refused():
            return _refused(error)
        case EmailNotFound():
            return ApiError(404, "email_not_found", _NO_SUCH_EMAIL)
        case NotWaiting() | NotEnded() | NotUnknown() | ContentRemoved() | NotAtRest():
            return ApiError(409, "wrong_state", f"{error}.")
        case ContentConfidential():
            return ApiError(403, "confidential", f"{error}.")
        case ContentTooLarge():
            return ApiError(409, "content_too_large", f"{error}.")
        case NoMessage():
            return ApiError(409, "no_message", f"No message can be made of this email: {error}.")
        case NoSuchFile():
            return ApiError(404, "file_not_found", f"{error}: its content says which there are.")
        case NotPossible():
            return _invalid("filter.status", f"{error}.")
        case ContactNotFound():
            return ApiError(404, "contact_not_found", _NO_SUCH_CONTACT)
        case ContactNotSetUp():
            return ApiError(503, "contact_not_set_up", str(error))
        case TooManyRequests():
            return ApiError(
                429,
                "too_many_requests",
                str(error),
                headers={"Retry-After": str(error.retry_after)},
            )
        case FileTooLarge():
            return ApiError(413, "file_too_large", f"This cannot be sent: {error}.")
        case TooMuchAttached():
            return ApiError(
                413, "file_too_large", str(error), errors=(FieldError("attachments", str(error)),)
            )
        case TypeRefused():
            return ApiError(415, "file_type_refused", f"This cannot be sent: {error}.")
        case ContentRefused():
            return _invalid("file_attached", f"This cannot be sent: {error}.", code="file_refused")
        case FileNotKept():
            return ApiError(409, "file_not_kept", f"Nothing was stored: {error}.")
        case AttachmentStoreUnavailable():
            return _unavailable("attachment_store_unavailable", _NO_FILES)
        case BadAddress():
            return _invalid("email", f"This is no email address: {error}.")
        case AccountUnusable():
            return ApiError(409, "account_unusable", str(error))
        case TrialFailed():
            return ApiError(502, "mail_server_refused", f"The test email was not sent: {error}.")
        case AccountNotFound(field=None):
            return ApiError(404, "not_found", str(error))
        case AccountNotFound(field=str(field)):
            return _invalid(field, str(error))
        case BadAccountValue():
            return _invalid(error.field, str(error))
        case CodeTaken():
            return ApiError(
                409, "code_taken", str(error), errors=(FieldError("param_code", str(error)),)
            )
        case WebhookNotFound():
            return ApiError(404, "webhook_not_found", str(error))
        case DeliveryNotFound():
            return ApiError(404, "delivery_not_found", str(error))
        case BadDestination():
            return _invalid("url", f"{error}.")
        case TooManyWebhooks():
            return ApiError(409, "too_many_webhooks", str(error))
        case NoSigningSecret():
            return ApiError(409, "no_signing_secret", str(error))
        case MailboxNotFound():
            return ApiError(404, "mailbox_not_found", str(error))
        case BadMailboxValue():
            return _invalid(error.field, str(error))
        case TooManyMailboxes():
            return ApiError(409, "too_many_mailboxes", str(error))
        case MailboxOff():
            return ApiError(409, "mailbox_off", str(error))
        case ServiceRuns():
            return ApiError(409, "service_running", str(error))
        case TargetUnreachable():
            return _invalid("server", str(error), code="database_unreachable")
        case PasswordNeeded() | PasswordTooLong():
            return _invalid("password", str(error))
        case SecretTooLarge():
            return ApiError(422, "validation_failed", str(error))
        case LoginTaken():
            return _invalid("username", str(error))
        case UnknownLogin():
            return ApiError(404, "user_not_found", str(error))
        case LastAdmin():
            return ApiError(409, "last_admin", str(error))
        case GivenBySettings():
            return ApiError(409, "given_by_settings", str(error))
        case TooManyLogins():
            return ApiError(409, "too_many_users", str(error))
        case DatabaseMoved():
            return _unavailable("database_moved", _MOVED)
        case ServiceStopped():
            return ApiError(409, "service_stopped", _STOPPED)
        case DatabaseUnreachable():
            return _unavailable("database_unreachable", _DATABASE_AWAY)
        case SchemaBehind() | DelayedDurabilityForced():
            return _unavailable("database_unreachable", str(error))
        case CommitUncertain():
            return _unavailable("outcome_unknown", _UNCERTAIN)
        case SecretStoreUnavailable() | DocumentUnreadable():
            return _unavailable("secret_store_unavailable", str(error))
        case _ if is_transient(error):
            return _unavailable("database_unreachable", _DATABASE_AWAY)
        case _:
            return ApiError(500, "internal_error", _UNFORESEEN)


def _invalid_email(error: InvalidEmail) -> ApiError:
    return ApiError(
        422,
        "validation_failed",
        "The email can't be sent as it is: see errors.",
        errors=tuple(FieldError(fault.field, f"{fault.message}.") for fault in error.faults[:50]),
    )


def _refused(error: Refused) -> ApiError:
    field = (FieldError(error.parameter, error.message),) if error.parameter else ()
    return ApiError(422, "database_mail_refused", error.message, errors=field, number=error.number)


def _invalid(field: str, message: str, code: str = "validation_failed") -> ApiError:
    return ApiError(422, code, message, errors=(FieldError(field, message),))


def _unavailable(code: str, message: str) -> ApiError:
    return ApiError(503, code, message, headers={"Retry-After": _RETRY_SECONDS})

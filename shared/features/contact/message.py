"""What a visitor wrote as an email: to the support address, with answers going to the visitor."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from shared.features.contact.errors import ContactNotSetUp
from shared.mime.addresses import BadAddress, parse_mailbox
from shared.outbox.add import BadValue
from shared.settings import Settings
from shared.submissions.submission import InvalidEmail, Origin, Submission

_TEMPLATE = "contact"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a visitor wrote. `filename` alone is a file that was named and not sent."""

    full_name: str
    email: str
    phone: str | None
    job_profession: str | None
    subject: str
    message: str = field(repr=False)
    filename: str | None = None


def support_address(settings: Settings) -> str:
    """Whom the contact form writes to. Raises ContactNotSetUp."""
    try:
        return parse_mailbox(settings.contact_email).address
    except BadAddress:
        raise ContactNotSetUp(
            "The contact form has nobody to write to: set CONTACT_EMAIL to the support address."
        ) from None


def message_of(
    words: Words, settings: Settings, *, attached: bool, request_id: str | None = None
) -> Submission:
    """The email that says it. Whatever the visitor wrote is text, in HTML too.

    Raises ContactNotSetUp, and InvalidEmail where the visitor's address is none, or several.
    """
    return Submission(
        recipients=[support_address(settings)],
        template=_TEMPLATE,
        variables=asdict(words) | {"attached": attached},
        account=settings.contact_account,
        reply_to=_visitors_address(words.email),
        origin=Origin.CONTACT,
        request_id=request_id,
    )


def _visitors_address(email: str) -> str:
    """Nothing but the address: a name beside it, or a second one, could be anybody's."""
    try:
        mailbox = parse_mailbox(email)
        if mailbox.address != email.strip():
            raise BadAddress("give the address alone")
    except BadAddress as error:
        raise InvalidEmail(BadValue("email", f"is not an email address: {error}")) from None
    return mailbox.address

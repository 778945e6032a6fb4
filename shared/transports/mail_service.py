"""What transports to mail services over HTTP have in common: one POST, which commits.

Nothing can be asked before it, so the offer is our own word; what the service says to the POST is
turned into the words of SMTP, with a verdict of its own.
"""

from __future__ import annotations

from http import HTTPStatus

from shared.background import on_own_thread
from shared.smtp.replies import ACCOUNT_RESTS, MESSAGE_REFUSED
from shared.smtp.reply import Reply
from shared.transports.base import ConnectionLost, Message, Offer, Unfit
from shared.transports.rest import Answer, RestService

_TAKEN = Reply(250, "not asked yet")
_GO_ON = Reply(354, "with the request")
_OF_THE_CONTENT = frozenset({400, 413, 422})


class MailServiceTransport:
    """See `Transport`. A subclass knows its service's request, limits and answers."""

    takes_smtputf8 = False
    takes_along = False
    most_recipients: int | None = None
    most_domains: int | None = None
    most_octets: int = 0
    called = "the mail service"

    def __init__(self, service: RestService) -> None:
        self._service = service
        self._is_open = False
        self._carried = 0
        self._request = b""
        """Of the message last sent."""

    @property
    def carried(self) -> int:
        return self._carried

    async def open(self) -> None:
        """A token, and a look whether the service is there."""
        self._is_open = False
        await self._service.log_in()
        await self._service.connect()
        self._is_open = True
        self._carried = 0

    def takes(self, message: Message) -> bool:
        return self._is_open and self._service.has_token

    def unfit(self, message: Message) -> Unfit | None:
        """What the service's documented limits rule out."""
        if message.envelope.size > self.most_octets:
            return Unfit(
                "5.3.4",
                f"the email has {message.envelope.size} bytes, {self.called} takes "
                f"{self.most_octets}",
            )
        if message.envelope.smtputf8:
            return Unfit("5.6.7", f"an address is not ASCII, and {self.called} takes none of these")
        return None

    def operation_of(self, message: Message) -> str | None:
        return None

    async def offer(self, message: Message) -> Offer:
        """Nothing is asked."""
        if not self._is_open:
            raise ConnectionLost("the connection is closed")
        everybody = message.envelope.recipients
        return Offer(_TAKEN, (_TAKEN,) * len(everybody), _GO_ON, tuple(range(len(everybody))))

    async def send(self, message: Message) -> None:
        """All of it goes with the request, which is made here: what can't be said this way is known
        before the mark. A large one takes a while, and others' emails are on the loop."""
        self._request = await on_own_thread(lambda: self.request_of(message), "request")

    def request_of(self, message: Message) -> bytes:
        """The body of the request that sends it. On any thread. Raises BadEmail."""
        raise NotImplementedError

    async def commit(self, message: Message, following: Message | None = None) -> Reply:
        """The POST."""
        raise NotImplementedError

    async def close(self) -> None:
        self._is_open = False

    def abort(self) -> None:
        self._is_open = False
        self._service.abort()


def accepted(text: str) -> Reply:
    """The service has taken the email over."""
    return Reply(250, text)


def throttled(answer: Answer) -> Reply:
    """It wants to be left alone for a while, or can't be used: the account rests, as long as it
    says."""
    return Reply(421, answer.text, "4.7.0", verdict=ACCOUNT_RESTS, retry_after=answer.retry_after)


def _login_refused(answer: Answer) -> Reply:
    """The account may not send: somebody has to change something."""
    return Reply(535, answer.text, "5.7.8", verdict=ACCOUNT_RESTS)


def word_of_refusal(
    answer: Answer,
    *,
    not_allowed: frozenset[str],
    too_large: frozenset[str] = frozenset(),
    over_quota: frozenset[str] = frozenset(),
) -> Reply:
    """What an answer from 400 to 499 means: the request was not carried out (RFC 9110, 15.5).

    Only what is said of the request's content is this email's. Where another address, method,
    login or pace is asked for, the account rests: no other email would fare better. The codes are
    the service's own words for that. Raises ConnectionLost where the reason got lost.
    """
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS or answer.code in over_quota:
        return throttled(answer)
    if answer.status in (401, 403) or answer.code in not_allowed:
        return _login_refused(answer)
    if answer.status not in _OF_THE_CONTENT:
        return throttled(answer)
    if not answer.is_whole:
        raise ConnectionLost(f"the service answered {answer.status}, and not why")
    if answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or answer.code in too_large:
        return _too_big(answer)
    return refused(answer)


def refused(answer: Answer) -> Reply:
    """This email is refused for good."""
    return Reply(554, answer.text, "5.6.0", verdict=MESSAGE_REFUSED)


def _too_big(answer: Answer) -> Reply:
    return Reply(552, answer.text, "5.3.4", verdict=MESSAGE_REFUSED)

"""SMTP as a transport: the envelope is the offer, the final dot commits."""

from __future__ import annotations

from shared.mime.bad_email import BadEmail
from shared.smtp.connection import SmtpSession, too_big
from shared.smtp.opening import Server
from shared.smtp.reply import Reply
from shared.transports.base import ConnectionLost, Message, Offer, OutcomeUnknown, Unfit

_MOST_ON_ONE_CONNECTION = 1_000


class SmtpTransport:
    """One account's mail server: a session, or none. See `Transport`."""

    takes_along = True

    def __init__(self, server: Server) -> None:
        self._server = server
        self._session: SmtpSession | None = None
        self._announced: Message | None = None
        """Whose envelope went out with the final dot before it."""

    @property
    def carried(self) -> int:
        return self._session.sent if self._session is not None else 0

    @property
    def takes_smtputf8(self) -> bool:
        return self._open_session.smtputf8

    @property
    def most_recipients(self) -> int | None:
        """What the server names as its limit (RFC 9422)."""
        return self._open_session.limits.most_recipients

    @property
    def most_domains(self) -> int | None:
        """What the server names as its limit (RFC 9422)."""
        return self._open_session.limits.most_domains

    def takes(self, message: Message) -> bool:
        session = self._session
        if session is None or session.closed:
            return False
        return self._announced is not None or (
            session.sent < _MOST_ON_ONE_CONNECTION and session.takes(message.envelope)
        )

    async def open(self) -> None:
        """A new session; the one before says goodbye."""
        await self.close()
        self._session = await SmtpSession.connect(self._server)

    def unfit(self, message: Message) -> Unfit | None:
        """What the server's own offer rules out (RFC 1870, RFC 6531)."""
        session, envelope = self._open_session, message.envelope
        if too_big(envelope.size, session.size_limit):
            return Unfit(
                "5.3.4",
                f"the email has {envelope.size} bytes, the mail server takes {session.size_limit}",
            )
        if envelope.smtputf8 and not session.smtputf8:
            return Unfit(
                "5.6.7", "an address is not ASCII, and the mail server does not offer SMTPUTF8"
            )
        return None

    def operation_of(self, message: Message) -> str | None:
        """SMTP has none."""
        return None

    async def offer(self, message: Message) -> Offer:
        """MAIL, RCPT and DATA."""
        session = self._open_session
        announced, self._announced = self._announced, None
        if announced is not message:
            if announced is not None:
                session.close()
                raise ConnectionLost("another envelope was on its way")
            await session.write_envelope(message.envelope)
        return await session.read_envelope()

    async def send(self, message: Message) -> None:
        """The body, without the final dot."""
        await self._open_session.write_body(message.content)

    async def commit(self, message: Message, following: Message | None = None) -> Reply:
        """The final dot, with the next envelope where the server takes commands in groups."""
        session = self._open_session
        session.require_quiet()
        if following is not None and not self._may_take_along(session, following):
            following = None
        try:
            if following is not None:
                try:
                    await session.write_dot(following.envelope)
                    self._announced = following
                except BadEmail:  # Nothing was written: it fails when it is its turn.
                    await session.write_dot()
            else:
                await session.write_dot()
            return await session.read_final_reply()
        except ConnectionLost as error:
            raise OutcomeUnknown(str(error)) from error

    def _may_take_along(self, session: SmtpSession, following: Message) -> bool:
        most = self.most_recipients
        return (
            session.pipelining
            and session.sent + 1 < _MOST_ON_ONE_CONNECTION
            and session.takes(following.envelope)
            and (most is None or len(following.envelope.recipients) <= most)
            and self.unfit(following) is None
        )

    async def close(self) -> None:
        self._announced = None
        if self._session is not None:
            await self._session.quit()
        self._session = None

    def abort(self) -> None:
        self._announced = None
        if self._session is not None:
            self._session.close()
        self._session = None

    @property
    def _open_session(self) -> SmtpSession:
        if self._session is None:
            raise ConnectionLost("the connection is closed")
        return self._session

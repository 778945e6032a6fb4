"""One SMTP session: emails sent one after another over a connection that is kept.

Its verbs are awaited. They are meant to be called in this order, for each email:

    write_envelope → read_envelope → write_body → write_dot → read_final_reply

`write_dot` may take the next email's envelope along in the same write (RFC 2920); then go on with
`read_final_reply` and `read_envelope`. Between `write_body` and `write_dot` nothing has been
delivered yet; once `write_dot` has been called the email may have been accepted, whatever happens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from shared.mime.address_form import domain_of, envelope_address
from shared.mime.bad_email import BadAddress, BadEmail
from shared.smtp.limits import read_limits, read_size_limit
from shared.smtp.opening import OpenConnection, Server, open_connection
from shared.smtp.reply import ProtocolError, Reply, Stage
from shared.transports.base import ConnectionLost, Envelope, Offer

_CHUNK = 64 * 1024
_SMALL = 16 * 1024
# Commands in one write. More could fill both directions of the connection (RFC 2920 3.1).
_GROUP = 100
_QUIT_TIMEOUT = 2.0


def too_big(size: int, size_limit: int | None) -> bool:
    """Whether a server with this limit would refuse an email of `size` octets (RFC 1870)."""
    return size_limit is not None and size > size_limit


class SmtpSession:
    """A connection to one server, for one conversation.

    The verbs of a transaction raise ConnectionLost. A reply that refuses is returned, 421 too, but
    after that one the session is closed.

    size_limit: octets an email may have; None where the server does not say.
    sent: emails that got a final reply, whatever it was.
    limits: what the server names as its own (RFC 9422); its caller keeps to them.
    """

    def __init__(self, connection: OpenConnection, server: Server) -> None:
        self.pipelining = "pipelining" in connection.extensions
        self.smtputf8 = "smtputf8" in connection.extensions
        self.size_limit = read_size_limit(connection.extensions.get("size"))
        self.limits = read_limits(connection.extensions.get("limits"))
        self.sent = 0
        self.closed = False
        self._declares_size = "size" in connection.extensions
        self._wire = connection.wire
        self._command_timeout = server.command_timeout
        self._reply_timeout = server.reply_timeout
        self._group = _GROUP if self.pipelining else 1
        self._begun = 0
        """Transactions: MAIL commands, whatever was answered."""
        self._domains: set[str] = set()
        """Of their recipients, where the server limits how many."""
        self._commands: Sequence[bytes] = ()
        self._held = b""
        self._kept_body = b""

    @classmethod
    async def connect(cls, server: Server) -> SmtpSession:
        """A new session, secured and logged in as the server's account says.

        Raises AccountFault.
        """
        return cls(await open_connection(server), server)

    def takes(self, envelope: Envelope) -> bool:
        """Whether one more transaction, with this envelope, is within the session's limits."""
        emails, domains = self.limits.most_emails, self.limits.most_domains
        if emails is not None and self._begun >= emails:
            return False
        if domains is None:
            return True
        return len(self._domains.union(map(domain_of, envelope.recipients))) <= domains

    async def write_envelope(self, envelope: Envelope) -> None:
        """Write MAIL, RCPT and DATA: together where PIPELINING is offered.

        Raises BadEmail, with nothing written, for an address that could say more than itself and
        for an envelope that needs SMTPUTF8 where it is not offered.
        """
        await self._write(self._first_group(envelope))

    async def read_envelope(self) -> Offer:
        """The replies to the envelope last written.

        When they do not allow a body, the session has ended that transaction by itself (or is
        closed) and is free for the next envelope. Where the connection is lost after some have
        come, these count if they tell anything: that somebody was refused, or not everybody asked.
        """
        if self._held:
            held, self._held = self._held, b""
            await self._write(held)
        replies: list[Reply] = []
        lost = None
        try:
            await self._read_replies(replies)
        except ConnectionLost as error:
            if not self._tell_anything(replies):
                raise
            lost = str(error)
        offer = self._offer_of(replies)._replace(lost=lost)
        if not offer.ready and not self.closed:
            await self._end_transaction(offer)
        return offer

    async def write_body(self, content: bytes) -> None:
        """Write the email, of which each line must end with CRLF, without the final dot.

        A small one is kept, to travel with the dot: half the packets, and half the writes.
        """
        if not content.endswith(b"\r\n"):
            raise BadEmail("the email does not end with a line end")
        self._require_open()
        if len(content) <= _SMALL:
            self._kept_body = _stuffed(content)
            return
        self._kept_body = b""
        for part in _dot_stuffed(content):
            await self._write(part)

    async def write_dot(self, followed_by: Envelope | None = None) -> None:
        """Write the final dot: from now on the email may have been accepted.

        `followed_by` is the next envelope. With PIPELINING it travels in the same write, without
        it `read_envelope` writes it. Raises BadEmail as `write_envelope`, the dot not written.
        """
        following = b"" if followed_by is None else self._first_group(followed_by)
        ending = self._kept_body + b".\r\n"
        if self.pipelining:
            await self._write(ending + following)
        else:
            self._held = following
            await self._write(ending)

    async def read_final_reply(self) -> Reply:
        """The server's answer to the final dot, waiting as long as the server's `reply_timeout`."""
        reply = await self._read(Stage.BODY, self._reply_timeout)
        self.sent += 1
        return reply

    async def reset(self) -> None:
        """RSET: forget a transaction that has begun. A session that cannot is closed."""
        await self._write(b"RSET\r\n")
        reply = await self._read(Stage.MAIL, self._command_timeout)
        if not reply.positive:
            self.close()
            raise ConnectionLost(f"the mail server answered RSET with {reply}")

    async def quit(self) -> None:
        """Say goodbye, for two seconds at most, and close. Never raises."""
        with suppress(OSError, ConnectionLost, ProtocolError):
            await self._wire.send(b"QUIT\r\n", _QUIT_TIMEOUT)
            await self._wire.reply(_QUIT_TIMEOUT)
        self.close()

    def require_quiet(self) -> None:
        """Raise ConnectionLost, and close, when the server has gone or said goodbye unasked."""
        self._require_open()
        if not self._wire.is_quiet:
            self.close()
            raise ConnectionLost("the mail server closed the connection")

    def close(self) -> None:
        """Drop the connection. Never raises."""
        self.closed = True
        self._wire.abort()

    def _first_group(self, envelope: Envelope) -> bytes:
        self._commands = self._commands_for(envelope)
        self._begun += 1
        if self.limits.most_domains is not None:
            self._domains.update(map(domain_of, envelope.recipients))
        return b"".join(self._commands[: self._group])

    def _commands_for(self, envelope: Envelope) -> list[bytes]:
        if envelope.smtputf8 and not self.smtputf8:
            raise BadEmail("the mail server does not take international addresses (SMTPUTF8)")
        encoding = "utf-8" if envelope.smtputf8 else "ascii"
        recipients = [f"RCPT TO:{_path(address)}\r\n" for address in envelope.recipients]
        if not recipients:
            raise BadEmail("the email has no recipient")
        try:
            lines = [line.encode(encoding) for line in (self._mail(envelope), *recipients)]
        except UnicodeEncodeError as error:
            raise BadAddress("an address is not ASCII, or no valid Unicode") from error
        return [*lines, b"DATA\r\n"]

    def _mail(self, envelope: Envelope) -> str:
        line = f"MAIL FROM:{_path(envelope.sender)}" if envelope.sender else "MAIL FROM:<>"
        if self._declares_size:
            line += f" SIZE={envelope.size}"
        if envelope.smtputf8:
            line += " BODY=8BITMIME SMTPUTF8"
        return line + "\r\n"

    async def _read_replies(self, replies: list[Reply]) -> None:
        """Put there the replies to all commands, of which the first group was written already."""
        commands, group = self._commands, self._group
        for index in range(len(commands)):
            if index and index % group == 0:
                if not self._worth_going_on(replies):
                    break
                await self._write(b"".join(commands[index : index + group]))
            replies.append(await self._read(self._stage(index), self._command_timeout))
            if self.closed:
                break

    def _tell_anything(self, replies: Sequence[Reply]) -> bool:
        everybody_was_asked = len(replies) == len(self._commands) - 1
        return any(reply.code >= 400 for reply in replies) or (
            len(replies) > 1 and not everybody_was_asked
        )

    def _worth_going_on(self, replies: Sequence[Reply]) -> bool:
        only_data_is_left = len(replies) == len(self._commands) - 1
        return replies[0].positive and not (
            only_data_is_left and not any(reply.positive for reply in replies[1:])
        )

    def _stage(self, index: int) -> Stage:
        if index == 0:
            return Stage.MAIL
        return Stage.DATA if index == len(self._commands) - 1 else Stage.RCPT

    def _offer_of(self, replies: Sequence[Reply]) -> Offer:
        data = len(self._commands) - 1
        sender, recipients = replies[0], tuple(replies[1:data])
        accepted = [index for index, reply in enumerate(recipients) if reply.positive]
        return Offer(
            sender=sender,
            recipients=recipients,
            data=replies[data] if len(replies) > data else None,
            accepted=tuple(accepted) if sender.positive else (),
        )

    async def _end_transaction(self, offer: Offer) -> None:
        """Make the session usable again; if that fails it is closed, but the replies are known."""
        wants_body = offer.data is not None and offer.data.intermediate
        with suppress(ConnectionLost):
            if wants_body:  # though there is nobody to send it to: RFC 2920 3.1
                await self._write(b".\r\n")
                await self._read(Stage.BODY, self._command_timeout)
            else:
                await self.reset()

    async def _write(self, octets: bytes | memoryview) -> None:
        self._require_open()
        try:
            await self._wire.send(octets, self._command_timeout)
        except OSError as error:
            raise self._lost(error) from error

    async def _read(self, stage: Stage, timeout: float) -> Reply:
        self._require_open()  # Replies may have been received after the one that said goodbye.
        try:
            lines = self._wire.reply_at_hand() or await self._wire.reply(timeout)
            reply = Reply.parse(lines)
        except (OSError, ProtocolError) as error:
            raise self._lost(error) from error
        if reply.code < 400:
            self._require_answer(reply, stage)
        elif reply.closing:
            self.close()
        return reply

    def _require_answer(self, reply: Reply, stage: Stage) -> None:
        """354 is an answer to DATA and to nothing else, a positive reply to all the others."""
        if (reply.code == 354) if stage is Stage.DATA else (reply.code < 300):
            return
        self.close()
        raise ConnectionLost(f"the mail server answered {stage.upper()} with {reply}")

    def _require_open(self) -> None:
        if self.closed:
            raise ConnectionLost("the connection is closed")

    def _lost(self, error: Exception) -> ConnectionLost:
        self.close()
        if isinstance(error, ProtocolError):
            return ConnectionLost(str(error))
        if isinstance(error, TimeoutError):
            return ConnectionLost("the mail server did not answer in time")
        return ConnectionLost("the mail server closed the connection")


def _path(address: str) -> str:
    """Nothing that could end the address, the command or the line gets through here."""
    return f"<{envelope_address(address).address}>"


def _dot_stuffed(content: bytes) -> Iterator[bytes | memoryview]:
    """The content in parts, each line that begins with a dot with a second one (RFC 5321 4.5.2).

    A dot after a bare LF gets one as well: no server may take it for the end of the email. Parts
    are cut after a line end, and copied only where there is a dot to add.
    """
    view = memoryview(content)
    stuffing = content.startswith(b".") or b"\n." in content
    start = 0
    while start < len(content):
        end = content.find(b"\n", start + _CHUNK) + 1 or len(content)
        yield _stuffed(content[start:end]) if stuffing else view[start:end]
        start = end


def _stuffed(lines: bytes) -> bytes:
    stuffed = lines.replace(b"\n.", b"\n..") if b"\n." in lines else lines
    return b"." + stuffed if lines.startswith(b".") else stuffed

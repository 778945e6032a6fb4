"""A mailbox that is read by IMAP (RFC 3501; MOVE of RFC 6851, UIDPLUS of RFC 4315)."""

from __future__ import annotations

import binascii
import imaplib
import re
import ssl
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress

from imapclient.exceptions import LoginError, ProtocolError

from shared.bounces.mailboxes.imap_client import BoundedClient, text_of
from shared.bounces.mailboxes.inbox import Found, MailboxFault, Refused, number_in
from shared.bounces.mailboxes.mailbox import MailboxSettings, Position
from shared.bounces.reading.parts import MOST_OCTETS
from shared.smtp.oauth import TokenSource, TokenUnavailable
from shared.smtp.opening import TlsMode

_FETCHED_AT_ONCE = 10
_NUMBERS_AT_ONCE = 50_000
"""UIDs that one SEARCH looks among: its answer is one line, of which 1 MB is read."""
_NO_LETTER = re.compile(r"[^A-Za-z0-9]")
_TELLING = 4
"""Letters and digits; fewer of them may stand there by chance."""
_BASE64 = re.compile(r"[A-Za-z0-9+/]{4,}")
_HIGHEST_NUMBER = 2**32 - 1
_BODY = f"BODY.PEEK[]<0.{MOST_OCTETS}>"
_LONGEST_REASON = 300


def open_imap(
    settings: MailboxSettings, password: str | None, tokens: TokenSource | None, seconds: float
) -> ImapInbox:
    """Connect, log in with the password or an access token, and select the folder. Raises
    MailboxFault."""
    secure = settings.tls is TlsMode.IMPLICIT
    with _faults(password):
        client = BoundedClient(settings.host, settings.port, secure=secure, seconds=seconds)
    inbox = ImapInbox(client, settings.folder, password)
    try:
        if settings.tls is TlsMode.STARTTLS:
            with _faults(password):
                client.starttls(ssl.create_default_context())
        inbox.log_in(settings.username, tokens)
        inbox.select()
    except BaseException:
        inbox.drop()
        raise
    return inbox


class ImapInbox:
    """See `Inbox`. A place is `UIDVALIDITY.UID`."""

    def __init__(self, client: BoundedClient, folder: str, password: str | None) -> None:
        self._client = client
        self._folder = folder
        self._password = password
        self._validity = 0
        self._next = 0
        self._messages = 0

    def log_in(self, user: str, tokens: TokenSource | None) -> None:
        """Log in; a token that is refused is replaced once. Raises MailboxFault."""
        if tokens is None:
            with _faults(self._password):
                self._log_in_by_password(user, self._password or "")
            return
        try:
            token = tokens.get()
            try:
                with _faults(token):
                    self._client.oauth2_login(user, token)
            except MailboxFault as fault:
                if not isinstance(fault.__cause__, LoginError):
                    raise
                token = tokens.renew(token)
                with _faults(token):
                    self._client.oauth2_login(user, token)
        except TokenUnavailable as error:
            raise MailboxFault(str(error)) from error

    def _log_in_by_password(self, user: str, password: str) -> None:
        """LOGIN knows ASCII alone."""
        if (user + password).isascii():
            self._client.login(user, password)
        else:
            self._client.plain_login(user, password)

    def select(self) -> None:
        """Open the folder, and learn how it numbers its messages. Raises MailboxFault."""
        with self._asking():
            found = self._client.select_folder(self._folder)
        self._validity = number_in(found.get(b"UIDVALIDITY"))
        self._next = number_in(found.get(b"UIDNEXT"))
        self._messages = number_in(found.get(b"EXISTS"))

    def count(self) -> int:
        return self._messages

    def new(
        self, after: Position, known: Callable[[Sequence[str]], Collection[str]], most: int
    ) -> Iterator[Found]:
        last = after.last if after.validity == self._validity else 0
        wanted: list[int] = []
        for first, until in self._ranges(last + 1):
            with self._asking():
                numbers = self._client.search(["UID", f"{first}:{until}"])
            wanted += sorted(uid for uid in numbers if first <= uid <= until)
            if len(wanted) >= most:
                break
        for start in range(0, min(len(wanted), most), _FETCHED_AT_ONCE):
            yield from self._fetched(wanted[start : min(start + _FETCHED_AT_ONCE, most)])

    def _ranges(self, first: int) -> Iterator[tuple[int, int]]:
        """Of UIDs to search among: in one go, if no answer can be too long."""
        if self._messages <= _NUMBERS_AT_ONCE:
            yield first, _HIGHEST_NUMBER
            return
        for start in range(first, max(self._next, first + 1), _NUMBERS_AT_ONCE):
            yield start, start + _NUMBERS_AT_ONCE - 1

    def _fetched(self, uids: Sequence[int]) -> Iterator[Found]:
        """A message that is gone meanwhile is left out; one that its server refuses to give keeps
        none of the others back."""
        try:
            with self._asking():
                found = self._client.fetch(uids, [_BODY])
        except Refused as refused:
            if len(uids) == 1:
                yield Found(*self._place_of(uids[0]), None, str(refused))
                return
            for uid in uids:
                yield from self._fetched([uid])
            return
        for uid in uids:
            octets = found.get(uid, {}).get(b"BODY[]<0>")
            if uid in found:
                text = octets if isinstance(octets, bytes) else b""
                yield Found(*self._place_of(uid), text[:MOST_OCTETS])

    def again(self, found: Found) -> Found | None:
        return next(self._fetched([found.position.last]), None)

    def _place_of(self, uid: int) -> tuple[str, Position]:
        return f"{self._validity}.{uid}", Position(self._validity, uid)

    def file(self, places: Sequence[str], folder: str | None) -> None:
        here = [place.partition(".") for place in places]
        uids = [int(uid) for validity, _, uid in here if validity == str(self._validity)]
        if not uids:
            return
        with self._asking():
            if folder is None:
                self._delete(uids)
                return
            if not self._client.folder_exists(folder):
                self._client.create_folder(folder)
            if self._client.has_capability("MOVE"):
                self._client.move(uids, folder)
            else:
                self._client.copy(uids, folder)
                self._delete(uids)

    def _delete(self, uids: Sequence[int]) -> None:
        """Without UIDPLUS they stay, marked as deleted: EXPUNGE would remove what others have
        marked, too."""
        self._client.delete_messages(uids, silent=True)
        if self._client.has_capability("UIDPLUS"):
            self._client.uid_expunge(uids)

    def close(self) -> None:
        with suppress(OSError, imaplib.IMAP4.error, ValueError):
            self._client.logout()
        self.drop()

    def drop(self) -> None:
        """Close the connection without a word. Never raises."""
        with suppress(OSError):
            self._client.shutdown()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        self._client.allow()
        with _faults(self._password):
            yield


@contextmanager
def _faults(secret: str | None) -> Iterator[None]:
    """What goes wrong with a server, in words that hold no secret: a server may repeat one."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise MailboxFault(f"its certificate is not trusted: {error.verify_message}") from error
    except LoginError as error:
        raise MailboxFault(f"the login was refused: {_said(error, secret)}") from error
    except TimeoutError as error:
        raise MailboxFault("the server did not answer in time") from error
    except OSError as error:
        raise MailboxFault(f"the server can't be reached: {_said(error, secret)}") from error
    except imaplib.IMAP4.abort as error:
        raise MailboxFault(f"the connection broke off: {_said(error, secret)}") from error
    except ProtocolError as error:
        raise MailboxFault(f"the server said what is no IMAP: {_said(error, secret)}") from error
    except imaplib.IMAP4.error as error:
        raise Refused(f"the server refused: {_said(error, secret)}") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise MailboxFault(f"the server said what is no IMAP: {_said(error, secret)}") from error


def _said(error: Exception, secret: str | None) -> str:
    words = text_of(error.args[-1] if error.args else error) or type(error).__name__
    if secret and _holds(words, secret):
        return "its words hold the password, so they are not shown"
    return words[:_LONGEST_REASON]


def _holds(words: str, secret: str) -> bool:
    """Whether a server repeats the secret as it was given, quoted, or in base64 (RFC 4616)."""
    bare = _NO_LETTER.sub("", secret)
    if secret in words or (len(bare) >= _TELLING and bare in _NO_LETTER.sub("", words)):
        return True
    return any(secret.encode() in _unencoded(word) for word in _BASE64.findall(words))


def _unencoded(word: str) -> bytes:
    try:
        return binascii.a2b_base64(word + "=" * (-len(word) % 4))
    except binascii.Error:
        return b""

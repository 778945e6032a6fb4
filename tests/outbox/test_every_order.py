"""The queue's promises in every order of steps: applications, callers, senders and upkeep at once.

The machine keeps a truth of its own: which email is in which row, what it said at each moment, who
decided what, and who got it. The steps are the product's own, on a real file; a database that fails
in the middle of a step is a trigger that raises. Set ROWPOST_PROPERTY_RUNS for a long search.

A known limit is allowed for: where their table has no creation date, a row of the same content that
takes the id of an email on its way, or partly done, counts as that email.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from sqlalchemy import Connection, Row, event, select, text
from sqlalchemy.exc import DBAPIError

from shared.database import migrations
from shared.database.database import Database
from shared.database.engine import file_url, open_engine
from shared.database.tables import emails, entries, held_rows
from shared.delivery.composing.prepare import recipients_of
from shared.errors import RowpostError
from shared.maintenance.rescue import rescue
from shared.maintenance.retention import empty_old, remove_old
from shared.outbox import loose_files
from shared.outbox.add import NewEmail, add
from shared.outbox.admission.admit import admit
from shared.outbox.attachments import StoredAttachment
from shared.outbox.cancel_retry_resolve import Decision, cancel, resolve, try_again
from shared.outbox.recipients import KnownRecipient, RecipientState
from shared.outbox.removal import remove
from shared.outbox.rows.write_back import write_back
from shared.outbox.sending.begin import Mark, mark
from shared.outbox.sending.claim import Wanted, claim, claim_suspects
from shared.outbox.sending.fetch import ClaimedEmail, NoLongerOurs, collect, read_document
from shared.outbox.sending.finish import Outcome, Result, finish
from shared.outbox.sending.give_back import give_back
from shared.outbox.sending.lease import Lease, renew
from shared.outbox.states import BOTH_LANES
from shared.outbox.transitions import call_up, expire
from tests.support.accounts import answered_by

RUNS = int(os.environ.get("ROWPOST_PROPERTY_RUNS", "0"))
SHORT = settings(max_examples=25, stateful_step_count=30, derandomize=True, database=None)
LONG = settings(max_examples=max(RUNS // 2, 1), stateful_step_count=50, print_blob=True)
SETTINGS = settings(LONG if RUNS else SHORT, deadline=None, suppress_health_check=list(HealthCheck))

SEED = """CREATE TABLE Digital_Emaildetails (
    dd_srno INTEGER PRIMARY KEY, dd_document BLOB, dd_filename VARCHAR(255),
    dd_toEmailid VARCHAR(500), dd_ccEmailid VARCHAR(500), dd_subject VARCHAR(500),
    dd_bodyText TEXT, dd_SendFlag VARCHAR(1) DEFAULT 'N', dd_EmailParamCode VARCHAR(50),
    dd_RetryCount INTEGER DEFAULT 0, dd_SentDate DATETIME, dd_BounceReason VARCHAR(500),
    dd_LastRetryDate DATETIME)"""
ANSWERED = answered_by([None])
WISH = Wanted((None,), BOTH_LANES, 10, "mail.example.com")
ENDED = "YFCU"
OTHERS = ("X", "Y")
"""What an application writes for reasons of its own."""
NEW = ("N", "n", None)
SETTLING_ROUNDS = 30
ROUNDS_AT_REST = 3
IDS = st.integers(1, 3)
WHICH = st.integers(0, 1)
PAST = text("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 minute')")

T = TypeVar("T")


class Content(NamedTuple):
    """What a row says at one moment."""

    to: str
    cc: str
    subject: str
    document: bytes | None
    created: datetime | None


CONTENTS = (
    Content("ann@example.com", "bob@example.com", "Hello", None, None),
    Content("ann@example.com", "cid@example.com", "Your bill", b"the bill", None),
)
BLIND = ("fay@example.com", "gus@example.com")
COPIES = ("bob@example.com", "cid@example.com", "hal@example.com")


@dataclass(eq=False)
class Email:
    """An email as somebody meant it, from its insert on. `got`: how often each address got it."""

    says: list[Content]
    blind: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    decisions: int = 0
    got: Counter[str] = field(default_factory=Counter)
    refused: set[str] = field(default_factory=set)
    ended_as: Content | None = None
    """What it said when its last try was recorded."""
    letter_of_its_own: bool = False
    """The last letter is an application's, not Rowpost's."""
    removed: bool = False

    @property
    def to(self) -> frozenset[str]:
        """Whom the row or its call names."""
        return frozenset((self.says[-1].to, self.says[-1].cc)) | self.blind

    @property
    def documents(self) -> set[bytes | None]:
        return {content.document for content in self.says}


@dataclass(eq=False)
class Delivery:
    """One claimed email in a sender's memory: P claimed, T marked, D the final dot is written."""

    email: Email
    content: Content
    claimed: ClaimedEmail
    to: tuple[KnownRecipient, ...]
    phase: str = "P"
    known: tuple[KnownRecipient, ...] = ()
    result: Result | None = None


@dataclass
class Sender:
    lease: Lease = field(default_factory=lambda: Lease.new(600))
    numbers: list[int] = field(default_factory=list)
    """Claimed, and not collected yet."""
    deliveries: list[Delivery] = field(default_factory=list)


class Meanwhile(Database):
    """The same database, on which something happens between a read and the write that follows."""

    def __init__(self, database: Database, what: Callable[[], None]) -> None:
        super().__init__(database.engine)
        self._beneath, self._what = database, what

    def run(self, work: Callable[[Connection], T], *, seconds: float = 30) -> T:
        """Let it happen, then do the work."""
        self._what()
        return self._beneath.run(work, seconds=seconds)


class Place:
    """A migrated database that is emptied for each run."""

    def __init__(self, file: Path, *, adopted: bool) -> None:
        self.adopted = adopted
        engine = open_engine(file_url(file))
        # What is tried here is the order of commits, not the disk.
        event.listen(engine, "connect", _without_waiting_for_the_disk)
        if adopted:
            with engine.connect().execution_options(writes=True) as connection, connection.begin():
                connection.execute(text(SEED))
        migrations.upgrade(engine)
        self.database = Database(engine)
        with self.database.write() as connection:
            connection.execute(text("UPDATE Rowpost_Service SET State = 'running'"))
            self._tables = [
                name
                for (name,) in connection.execute(
                    text("SELECT name FROM sqlite_master WHERE type = 'table'")
                )
                if name.startswith("Rowpost_")
                or name in ("Digital_Emaildetails", "sqlite_sequence")
            ]

    def empty(self) -> None:
        with self.database.write() as connection:
            for name in self._tables:
                if name not in ("Rowpost_Service", "Rowpost_Relocation"):
                    connection.exec_driver_sql(f"DELETE FROM {name}")


def _without_waiting_for_the_disk(connection: sqlite3.Connection, _: object) -> None:
    connection.execute("PRAGMA synchronous=OFF").close()


class EveryOrder(RuleBasedStateMachine):
    place: Place

    def __init__(self) -> None:
        super().__init__()
        self.database = self.place.database
        self._sql("DROP TRIGGER IF EXISTS Fault")
        self.place.empty()
        self.rows: dict[int, Email] = {}
        self.every: list[Email] = []
        self.senders = [Sender(), Sender()]
        self.said: dict[str, Content] = {}
        self.clock = datetime(2026, 1, 1, tzinfo=UTC)
        self.serial = 0
        self.broken: tuple[str, str] | None = None

    # What the machine sees of the database.

    def _letter(self, email_id: int) -> str | None:
        with self.database.read() as connection:
            question = select(emails.c.dd_SendFlag).where(emails.c.dd_srno == email_id)
            letter: str | None = connection.scalar(question)
            return letter

    def _entries(self) -> dict[int, Row[Any]]:
        with self.database.read() as connection:
            found = connection.execute(select(entries).where(entries.c.IsCurrent == 1))
            return {entry.EmailId: entry for entry in found}

    def _do(self, work: Callable[[Connection], T]) -> T | None:
        """One transaction; None where it was refused, or where the database failed."""
        with self._failing():
            return self.database.run(work, seconds=0)
        return None

    @contextmanager
    def _failing(self) -> Iterator[None]:
        broken, self.broken = self.broken, None
        if broken is not None:
            self._sql("DROP TRIGGER IF EXISTS Fault")
            self._sql(
                f"CREATE TRIGGER Fault BEFORE {broken[1]} ON {broken[0]} "
                "BEGIN SELECT RAISE(ABORT, 'the disk is bad'); END"
            )
        try:
            yield
        except RowpostError:
            pass  # What is asked for is refused as it stands.
        except DBAPIError as error:
            if broken is None or "the disk is bad" not in str(error.orig):
                raise
        finally:
            if broken is not None:
                self._sql("DROP TRIGGER Fault")

    def _sql(self, statement: str, **values: Any) -> None:
        with self.database.write() as connection:
            connection.execute(text(statement), values)

    # Applications.

    def _insert(self, email_id: int, number: int, letter: str | None, blind: int | None) -> None:
        self.clock += timedelta(seconds=1)
        content = CONTENTS[number]._replace(created=None if self.place.adopted else self.clock)
        email = Email([content])
        values = {
            "dd_srno": email_id,
            "dd_toEmailid": content.to,
            "dd_ccEmailid": content.cc,
            "dd_subject": content.subject,
            "dd_document": content.document,
            "dd_filename": "bill.pdf" if content.document else None,
            "dd_bodyText": "Hi",
            "dd_SendFlag": letter,
        }
        if content.created:
            values["dd_CreatedDate"] = content.created
        with self.database.write() as connection:
            connection.execute(emails.insert(), values)
            if blind is not None:
                email.blind = frozenset([BLIND[blind]])
                connection.execute(
                    text("INSERT INTO Rowpost_Options (EmailId, bccEmailid) VALUES (:id, :bcc)"),
                    {"id": email_id, "bcc": BLIND[blind]},
                )
        self.rows[email_id] = email
        self.every.append(email)

    @rule(
        email_id=IDS,
        number=WHICH,
        letter=st.sampled_from(("N", "N", "n")),
        blind=st.none() | WHICH,
    )
    def application_inserts(
        self, email_id: int, number: int, letter: str | None, blind: int | None
    ) -> None:
        if email_id not in self.rows:
            self._insert(email_id, number, letter, blind)

    @rule(number=WHICH)
    def application_truncates_and_inserts(self, number: int) -> None:
        for email_id in list(self.rows):
            self._delete(email_id)
        self._insert(1, number, "N", None)

    @rule(email_id=IDS)
    def application_deletes(self, email_id: int) -> None:
        if email_id in self.rows:
            self._delete(email_id)

    def _delete(self, email_id: int) -> None:
        """With the options that Rowpost has not taken yet: they would be the next row's."""
        self._sql("DELETE FROM Digital_Emaildetails WHERE dd_srno = :id", id=email_id)
        self._sql("DELETE FROM Rowpost_Options WHERE EmailId = :id AND Number IS NULL", id=email_id)
        self.rows.pop(email_id)

    @rule(email_id=IDS)
    def application_edits(self, email_id: int) -> None:
        email = self.rows.get(email_id)
        if email is None:
            return
        self.serial += 1
        content = email.says[-1]._replace(subject=f"Edited {self.serial}")
        self._sql(
            "UPDATE Digital_Emaildetails SET dd_subject = :subject WHERE dd_srno = :id",
            subject=content.subject,
            id=email_id,
        )
        email.says.append(content)

    @rule(email_id=IDS, which=st.integers(0, 2))
    def application_names_others(self, email_id: int, which: int) -> None:
        email = self.rows.get(email_id)
        if email is None:
            return
        content = email.says[-1]._replace(cc=COPIES[which])
        self._sql(
            "UPDATE Digital_Emaildetails SET dd_ccEmailid = :cc WHERE dd_srno = :id",
            cc=content.cc,
            id=email_id,
        )
        email.says.append(content)

    @rule(email_id=IDS, letter=st.sampled_from(("N", "N", "n", *OTHERS, None)))
    def application_writes(self, email_id: int, letter: str | None) -> None:
        if email_id in self.rows:
            self._write_letter(email_id, letter)

    @rule()
    def application_resets_all(self) -> None:
        for email_id in self.rows:
            self._write_letter(email_id, "N")

    def _write_letter(self, email_id: int, letter: str | None) -> None:
        email, before = self.rows[email_id], self._letter(email_id)
        if letter in ("N", "n") and (before is None or before in (*ENDED, *OTHERS)):
            email.decisions += 1
        email.letter_of_its_own = letter not in ("N", "n")
        self._sql(
            "UPDATE Digital_Emaildetails SET dd_SendFlag = :letter WHERE dd_srno = :id",
            letter=letter,
            id=email_id,
        )

    # Callers of the API.

    @rule(blind=st.none() | WHICH, with_file=st.booleans())
    def api_adds(self, blind: int | None, with_file: bool) -> None:
        self.serial += 1
        content = Content("dan@example.com", "eve@example.com", f"Api {self.serial}", None, None)
        key = f"file-{self.serial}"
        files = (StoredAttachment(key, "a.txt", 1, "0" * 64),) if with_file else ()
        new = NewEmail(
            to=content.to,
            cc=content.cc,
            bcc=None if blind is None else BLIND[blind],
            subject=content.subject,
            body="Hi",
            attachments=files,
        )

        def work(connection: Connection) -> int:
            if files:
                loose_files.note(connection, key)
            return add(connection, new)

        email_id = self._do(work)
        if email_id is None:
            return
        email = Email(
            [content],
            frozenset() if blind is None else frozenset([BLIND[blind]]),
            frozenset([key] if with_file else []),
        )
        self.rows[email_id] = email
        self.every.append(email)

    @rule(email_id=IDS)
    def api_cancels(self, email_id: int) -> None:
        self._do(lambda connection: cancel(connection, email_id))

    @rule(email_id=IDS)
    def api_tries_again(self, email_id: int) -> None:
        self._do(lambda connection: try_again(connection, email_id))

    @rule(email_id=IDS, decision=st.sampled_from(Decision))
    def api_resolves(self, email_id: int, decision: Decision) -> None:
        entry = self._entries().get(email_id)
        done = self._do(lambda connection: resolve(connection, email_id, decision))
        if done is None or entry is None:
            return
        went = self.said.get(entry.Fingerprint)
        for email in self.every:
            if went in email.says and decision is Decision.RESEND:
                email.decisions += 1
            elif went in email.says:
                email.refused |= email.to  # Somebody answers for it.

    @rule(email_id=IDS)
    def api_removes(self, email_id: int) -> None:
        self._do(lambda connection: bool(remove(connection, email_id)) or True)
        self._note_rows_that_are_gone()

    def _note_rows_that_are_gone(self) -> None:
        with self.database.read() as connection:
            there = set(connection.scalars(select(emails.c.dd_srno)))
        for email_id in set(self.rows) - there:
            self.rows.pop(email_id)

    # Rowpost.

    @rule()
    def the_database_will_fail(self) -> None:
        self.serial += 1
        places = (
            ("Digital_Emaildetails", "UPDATE"),
            ("Rowpost_Emails", "UPDATE"),
            ("Rowpost_Emails", "INSERT"),
            ("Rowpost_Recipients", "INSERT"),
            ("Rowpost_Attempts", "INSERT"),
        )
        self.broken = places[self.serial % len(places)]

    @rule()
    def admit(self) -> None:
        before, letters = self._entries(), {one: self._letter(one) for one in self.rows}
        with self._failing():
            admit(self.database, ANSWERED)
        after = self._entries()
        for email_id, email in self.rows.items():
            former = before.get(email_id)
            entry = after.get(email_id)
            if former is None or entry is None or former.Number == entry.Number:
                continue
            assert letters[email_id] in NEW, "only a row that says N is admitted"
            said = self.said.get(former.Fingerprint)
            if said is not None and said != email.says[-1]:
                email.decisions += 1  # N with other content than what went asks for that.

    @rule(which=WHICH, suspects=st.booleans())
    def claim(self, which: int, suspects: bool) -> None:
        sender = self.senders[which]
        how = claim_suspects if suspects else claim
        sender.numbers += self._do(lambda connection: how(connection, WISH, sender.lease)) or []

    @precondition(lambda self: any(sender.numbers for sender in self.senders))
    @rule(which=WHICH)
    def collect(self, which: int) -> None:
        sender = self.senders[which]
        numbers, sender.numbers = sender.numbers, []
        if not numbers:
            return
        letters = {email_id: self._letter(email_id) for email_id in self.rows}
        found = self._do(lambda connection: collect(connection, numbers, sender.lease))
        for claimed in found or []:
            assert isinstance(claimed, ClaimedEmail)
            assert letters.get(claimed.id) == "P", "what was taken back is not sent"
            self._collected(sender, claimed)

    def _collected(self, sender: Sender, claimed: ClaimedEmail) -> None:
        email = self.rows[claimed.id]
        content = email.says[-1]
        assert (claimed.to, claimed.cc, claimed.subject) == content[:3]
        self.said[claimed.fingerprint] = content
        sender.deliveries.append(Delivery(email, content, claimed, recipients_of(claimed)))

    @precondition(lambda self: any(sender.deliveries for sender in self.senders))
    @rule(
        which=WHICH,
        replies=st.tuples(*[st.sampled_from(("", "", "", "later", "never"))] * 3),
        give_it_back=st.sampled_from((False, False, False, True)),
    )
    def offer_and_mark(self, which: int, replies: tuple[str, ...], give_it_back: bool) -> None:
        for delivery in self.senders[which].deliveries:
            if delivery.phase == "P":
                self._offer(self.senders[which], delivery, replies, give_it_back=give_it_back)
                return

    def _offer(
        self, sender: Sender, delivery: Delivery, replies: tuple[str, ...], *, give_it_back: bool
    ) -> None:
        claimed = delivery.claimed
        try:
            if claimed.document_size:
                with self.database.read() as connection:
                    document = read_document(connection, claimed.number, sender.lease)
                assert document in delivery.email.documents, "no document of another row"
        except NoLongerOurs:
            give_it_back = True
        if give_it_back:
            self._give_back(sender, delivery)
            return
        delivery.known = tuple(self._replied(delivery.to, replies))
        if not any(one.state is RecipientState.ATTEMPTED for one in delivery.known):
            delivery.result = self._nobody_accepted(delivery)
            delivery.phase = "D"
            return
        all_alike = all(one.state is RecipientState.ATTEMPTED for one in delivery.known)
        known = () if all_alike and not claimed.recipients else delivery.known
        this = Mark(claimed.number, claimed.fingerprint, known)
        if self._do(lambda connection: mark(connection, [this], sender.lease)):
            delivery.phase = "T"
            self._only_its_own(delivery)
        else:
            self._give_back(sender, delivery)

    def _only_its_own(self, delivery: Delivery) -> None:
        """Asked when it is marked: what was claimed by a lease that is lost goes nowhere."""
        email, claimed = delivery.email, delivery.claimed
        files = {file.key for file in claimed.attachments}
        assert files <= email.files, "no file of another row"
        assert claimed.bcc in (None, *self._blind_copies(email)), "no option of another row"
        if not self.place.adopted:
            own = next(iter(email.blind), None)
            assert claimed.bcc == own, f"{claimed.id} has the options {claimed.bcc}, not {own}"
            assert files == email.files or email.removed, "its files go with it"

    def _replied(
        self, to: tuple[KnownRecipient, ...], replies: tuple[str, ...]
    ) -> Iterator[KnownRecipient]:
        for number, one in enumerate(to):
            reply = replies[number % len(replies)]
            if one.state is not RecipientState.PENDING:
                yield one
            elif not reply:
                yield one._replace(state=RecipientState.ATTEMPTED, reply=None)
            elif reply == "later":
                yield one._replace(reply="451 later")
            else:
                yield one._replace(state=RecipientState.REFUSED, reply="550 never")

    def _give_back(self, sender: Sender, delivery: Delivery) -> None:
        sender.deliveries.remove(delivery)
        number = delivery.claimed.number
        self._do(lambda connection: give_back(connection, [number], sender.lease))

    def _nobody_accepted(self, delivery: Delivery) -> Result:
        if any(one.state is RecipientState.PENDING for one in delivery.known):
            return self._result(delivery, Outcome.RETRY, delivery.known)
        if any(one.state is RecipientState.SENT for one in delivery.known):
            return self._result(delivery, Outcome.SENT, delivery.known)
        return self._result(delivery, Outcome.FAILED, delivery.known)

    def _result(
        self, delivery: Delivery, outcome: Outcome, known: tuple[KnownRecipient, ...]
    ) -> Result:
        refused = "; ".join(one.address for one in known if one.state is RecipientState.REFUSED)
        return Result(
            delivery.claimed.number,
            outcome,
            "SHOP",
            reason=refused or (None if outcome is Outcome.SENT else "451 later"),
            wait=60.0 if outcome is Outcome.RETRY else 0.0,
            recipients=known,
            email_id=delivery.claimed.id,
        )

    @precondition(lambda self: any(sender.deliveries for sender in self.senders))
    @rule(
        which=WHICH,
        reply=st.sampled_from(("250", "250", "250", "451", "554", "lost", "lost after it")),
    )
    def final_dot(self, which: int, reply: str) -> None:
        for delivery in self.senders[which].deliveries:
            if delivery.phase == "T":
                self._dot(delivery, reply)
                return

    def _dot(self, delivery: Delivery, reply: str) -> None:
        delivery.phase = "D"
        if reply in ("250", "lost after it"):
            self._deliver(delivery)
        if reply.startswith("lost"):
            delivery.result = self._result(delivery, Outcome.UNKNOWN, ())
            return
        state = {
            "250": RecipientState.SENT,
            "451": RecipientState.PENDING,
            "554": RecipientState.REFUSED,
        }[reply]
        known = tuple(
            [
                one._replace(state=state) if one.state is RecipientState.ATTEMPTED else one
                for one in delivery.known
            ]
        )
        alike = all(one.state is state for one in known) and not delivery.claimed.recipients
        kept = () if alike else known
        if any(one.state is RecipientState.PENDING for one in known):
            delivery.result = self._result(delivery, Outcome.RETRY, kept)
        elif any(one.state is RecipientState.SENT for one in known):
            delivery.result = self._result(delivery, Outcome.SENT, kept)
        else:
            delivery.result = self._result(delivery, Outcome.FAILED, kept)

    def _deliver(self, delivery: Delivery) -> None:
        email = delivery.email
        for one in delivery.known:
            if one.state is RecipientState.ATTEMPTED:
                email.got[one.address] += 1
                named = {delivery.content.to, delivery.content.cc} | self._blind_copies(email)
                assert one.address in named, "nobody gets it whom neither row nor call named"
                assert email.got[one.address] <= 1 + email.decisions, "twice, and nobody decided so"

    @precondition(lambda self: any(sender.deliveries for sender in self.senders))
    @rule(which=WHICH)
    def record(self, which: int) -> None:
        sender = self.senders[which]
        for delivery in sender.deliveries:
            if delivery.result is not None:
                self._record(sender, delivery, delivery.result)
                return

    def _record(self, sender: Sender, delivery: Delivery, result: Result) -> None:
        finished = self._do(lambda connection: finish(connection, [result], sender.lease))
        if finished is not None:
            sender.deliveries.remove(delivery)
            delivery.email.ended_as = delivery.content
            delivery.email.refused |= {
                one.address for one in result.recipients if one.state is RecipientState.REFUSED
            }

    @rule(
        which=WHICH,
        steps=st.integers(3, 6),
        replies=st.tuples(*[st.sampled_from(("", "", "", "later"))] * 2),
        reply=st.sampled_from(("250", "250", "451", "lost", "lost after it")),
    )
    def an_email_goes_its_way(
        self, which: int, steps: int, replies: tuple[str, ...], reply: str
    ) -> None:
        """So many steps of it at once: by chance alone few emails would come far."""
        way: list[Callable[[], None]] = [
            self.admit,
            lambda: self.claim(which, suspects=False),
            lambda: self.collect(which),
            lambda: self.offer_and_mark(which, replies, give_it_back=False),
            lambda: self.final_dot(which, reply),
            lambda: self.record(which),
        ]
        for step in way[:steps]:
            step()

    @rule(which=WHICH, reply=st.sampled_from(("250", "250", "451", "lost after it")))
    def a_sender_goes_on(self, which: int, reply: str) -> None:
        self.final_dot(which, reply)
        self.record(which)

    @rule()
    def all_is_told(self) -> None:
        self.time_passes()
        self.write_back()

    @rule(which=WHICH)
    def renew(self, which: int) -> None:
        self._do(lambda connection: renew(connection, self.senders[which].lease))

    @rule(which=WHICH)
    def sender_dies(self, which: int) -> None:
        self.senders[which] = Sender()

    @rule(which=WHICH)
    def lease_runs_out(self, which: int) -> None:
        """Its sender is frozen, and may go on later; or it is dead."""
        self._sql("UPDATE Rowpost_Emails SET LeaseUntil = (" + PAST.text + ")"
                  " WHERE LeaseToken IS NOT NULL AND LeaseUntil IS NOT NULL"
                  + (" AND LeaseToken = :token" if which else " AND LeaseToken <> :token"),
                  token=self.senders[1].lease.token)  # fmt: skip

    @rule()
    def rescue(self) -> None:
        self._do(rescue)

    @rule()
    def time_passes(self) -> None:
        for table, column in (
            ("Rowpost_Emails", "NotBefore"),
            ("Rowpost_Emails", "WriteAfter"),
            ("Rowpost_Held", "LookAgainAt"),
        ):
            self._sql(f"UPDATE {table} SET {column} = ({PAST.text}) WHERE {column} IS NOT NULL")
        self._do(call_up)

    @rule(email_id=IDS)
    def its_time_is_over(self, email_id: int) -> None:
        self._sql(
            f"UPDATE Rowpost_Emails SET ExpiresAt = ({PAST.text})"
            " WHERE EmailId = :id AND State = 'N' AND IsCurrent = 1",
            id=email_id,
        )
        self._do(expire)

    @rule()
    def write_back(self) -> None:
        with self._failing():
            write_back(self.database)

    @rule(
        which=WHICH, email_id=IDS, what=st.sampled_from(("again", "late", "new", "gone", "moved"))
    )
    def write_back_while_something_happens(self, which: int, email_id: int, what: str) -> None:
        self.broken = None
        steps: dict[str, Callable[[], None]] = {
            "again": lambda: self.api_tries_again(email_id),
            "late": lambda: self.record(which),
            "new": lambda: self.application_writes(email_id, "N"),
            "gone": lambda: self.application_deletes(email_id),
            "moved": lambda: self.application_truncates_and_inserts(which),
        }
        write_back(Meanwhile(self.database, steps[what]))

    @rule(empty=st.booleans())
    def retain(self, empty: bool) -> None:
        self._sql(
            "UPDATE Rowpost_Emails SET EndedAt = '2020-01-01 00:00:00.000'"
            " WHERE EndedAt IS NOT NULL"
        )
        before, had = set(self.rows), set(self._entries())
        letters = {email_id: self._letter(email_id) for email_id in before}
        done = self._do(lambda c: (empty_old if empty else remove_old)(c, days=30))
        if not done:
            return
        with self.database.read() as connection:
            rows = connection.execute(select(emails.c.dd_srno, emails.c.dd_document))
            found = {row.dd_srno: row for row in rows}
        for email_id in before:
            email = self.rows[email_id]
            if email_id not in found:
                assert str(letters[email_id]) in ENDED, "what has not ended is not removed"
                del self.rows[email_id]
            elif empty:
                document = found[email_id].dd_document
                if document is None and email.says[-1].document is not None:
                    assert str(letters[email_id]) in ENDED, "what has not ended is not emptied"
                    email.says.append(email.says[-1]._replace(document=None))
                email.removed = True
        if not empty:
            for email_id in set(self.rows) & (had - set(self._entries())):
                # What went with it is gone; what its row asks for later is all that it says.
                self.rows[email_id].removed = True
                self.rows[email_id].blind = frozenset()

    # In the end.

    def teardown(self) -> None:
        self.broken = None
        self._sql("DROP TRIGGER IF EXISTS Fault")
        still = 0
        for _ in range(SETTLING_ROUNDS):
            before = self._everything()
            self._settle_once()
            still = still + 1 if self._everything() == before else 0
            if still == ROUNDS_AT_REST:
                break
        for email_id, email in self.rows.items():
            self._at_rest(email_id, email)
        for email_id, entry in self._entries().items():
            assert entry.State in ENDED, f"the entry of {email_id} is left in {entry.State}"

    def _settle_once(self) -> None:
        for which, sender in enumerate(self.senders):
            self.collect(which)
            while sender.deliveries:
                delivery = sender.deliveries[0]
                if delivery.phase == "P":
                    self._offer(sender, delivery, ("",), give_it_back=False)
                elif delivery.phase == "T":
                    self._dot(delivery, "250")
                elif delivery.result is not None:
                    self._record(sender, delivery, delivery.result)
        for which in (0, 1):
            self.lease_runs_out(which)
        self.rescue()
        self.time_passes()
        self._do(expire)
        self.write_back()
        self.admit()
        for suspects in (False, True):
            self.claim(0, suspects)

    def _everything(self) -> list[object]:
        with self.database.read() as connection:
            rows = connection.execute(select(emails.c.dd_srno, emails.c.dd_SendFlag)).all()
            known = (entries.c.Number, entries.c.State, entries.c.LostLeases, entries.c.LeaseToken)
            there = connection.execute(select(*known)).all()
            unwritten = connection.execute(
                select(entries.c.Number).where(entries.c.WriteAfter.is_not(None))
            ).all()
        return [rows, there, unwritten, [len(sender.numbers) for sender in self.senders]]

    def _at_rest(self, email_id: int, email: Email) -> None:
        letter = self._letter(email_id)
        if email.letter_of_its_own:
            return
        if letter in NEW:
            with self.database.read() as connection:
                question = select(held_rows.c.Reason).where(held_rows.c.EmailId == email_id)
                assert connection.scalar(question), f"{email_id} says {letter}, and is forgotten"
            return
        assert letter is not None
        assert letter in ENDED, f"{email_id} says {letter}, and is forgotten"
        entry = self._entries().get(email_id)
        if entry is not None:
            assert entry.State == letter, f"{email_id} says {letter}, the ledger {entry.State}"
            assert entry.WriteAfter is None
        if letter == "Y":
            missing = min((self._missing(email, said) for said in self._ended_as(email)), key=len)
            assert not missing, f"{email_id} says Y, and {missing} never got it"

    def _ended_as(self, email: Email) -> list[Content]:
        """What it said at its end; by the known limit that was told of an equal one."""
        return [email.ended_as] if email.ended_as is not None else email.says

    def _missing(self, email: Email, said: Content) -> set[str]:
        to = {said.to, said.cc} | email.blind
        missing = {one for one in to if not email.got[one]} - email.refused
        if self.place.adopted and said.created is None:
            missing -= self._who_had_the_same(email)
        return missing

    def _who_had_the_same(self, email: Email) -> set[str]:
        """The known limit: without a creation date, equal rows count as the same email."""
        same = self._equals(email)
        return {address for one in same for address in (*one.got, *one.refused)} | email.blind

    def _blind_copies(self, email: Email) -> frozenset[str]:
        """Whom its options name; by the known limit, those of an equal row if it has none."""
        if email.blind or not self.place.adopted:
            return email.blind
        return frozenset(address for one in self._equals(email) for address in one.blind)

    def _equals(self, email: Email) -> list[Email]:
        return [one for one in self.every if set(one.says) & set(email.says)]


@pytest.mark.parametrize("adopted", [False, True], ids=["fresh", "adopted"])
def test_in_every_order_nobody_gets_an_email_twice_and_nothing_is_forgotten(adopted: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder) / "rowpost.db", adopted=adopted)
        machine = type("EveryOrder", (EveryOrder,), {"place": place})
        try:
            run_state_machine_as_test(machine, settings=SETTINGS)
        finally:
            place.database.close()

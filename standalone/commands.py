"""The commands of `python -m standalone`, each for a terminal: print a line, or raise."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from shared.errors import RowpostError
from shared.settings import settings

_KEYS_AT_ONCE = 500
NO_VERSION = "none"
"""Of a database that Rowpost has not been in yet."""


class CannotRead(RowpostError):
    """A file that was named on the command line."""


class CatcherOff(RowpostError):
    """The mail catcher was asked for and turned off at once."""


def run(arguments: Namespace) -> int:
    """Run the service until it is told to stop."""
    from standalone.run import run

    return run(arguments.root)


def catcher(_: Namespace) -> int:
    """Run the mail catcher alone until it is told to stop."""
    from shared.app import application
    from standalone.catcher import LOOPBACK, Catcher
    from standalone.claimed_folder import Part, claimed
    from standalone.run import open_database
    from standalone.shutdown import StopSignal

    port = settings().catcher_port
    if port is None:
        raise CatcherOff("ROWPOST_CATCHER_PORT is off: set it to a port to catch mail on.")
    signal = StopSignal()
    folder = settings().data / "mail"
    with claimed(settings().data, Part.CATCHER, f"{LOOPBACK}:{port}"):
        server = Catcher(folder, port)
        server.start()
        # `func start` beside it finds an account to send with.
        open_database(application(), server)
        print(f"Catching mail at {LOOPBACK}:{port}; emails land in {folder}", flush=True)
        signal.wait()
        server.stop()
    return 0


def migrate(arguments: Namespace) -> int:
    """Bring the tables up to date, or print the SQL that would."""
    from shared.app import application
    from shared.database import migrations
    from shared.database.adoption import require_adoptable_at
    from shared.database.engine import open_engine
    from shared.database.errors import unreachable

    url = application().database_url()
    start: str | None = arguments.start
    if start is not None:
        print(migrations.as_sql(url, None if start == NO_VERSION else start), end="")
        return 0
    engine = open_engine(url, trusted_servers=application().settings.trusted_servers)
    if arguments.sql:
        with unreachable():
            version = migrations.version_at(engine)
        print(migrations.as_sql(url, version), end="")
        return 0
    with unreachable():
        require_adoptable_at(engine)
    migrations.upgrade(engine)
    print("The database is up to date.")
    return 0


def doctor(arguments: Namespace) -> int:
    """Say what stands in the way of adopting the queue; 1 where something is refused."""
    from functions.adoption import AdoptionAnswer
    from shared.app import application
    from shared.database.adoption_rules import refusals

    found = application().adoption()
    if arguments.json:
        print(AdoptionAnswer.of(found).to_bytes().decode("ascii"))
    else:
        for finding in found.findings:
            print(f"{finding.level:8} {finding.code}: {finding.message}")
            for line in (finding.statement or "").splitlines():
                print(f"{'':8} {line}")
    return 1 if refusals(found.findings) else 0


def send(arguments: Namespace) -> int:
    """Insert a row as any application would, and print its number."""
    from shared.app import application
    from shared.outbox.add import NewEmail, add
    from shared.outbox.states import Lane

    attached: Path | None = arguments.attach
    email = NewEmail(
        to=arguments.to,
        cc=arguments.cc,
        bcc=arguments.bcc,
        subject=arguments.subject,
        body=arguments.body,
        is_html=True if arguments.html else None,
        document=_read(attached) if attached else None,
        filename=attached.name if attached else None,
        account_code=arguments.account,
        priority=arguments.priority,
        lane=Lane.IMMEDIATE if arguments.immediate else Lane.SCHEDULED,
    )
    number = application().database().run(lambda connection: add(connection, email))
    print(number)
    return 0


def queue(_: Namespace) -> int:
    """Count the emails by state."""
    from shared.app import application
    from shared.outbox.counts import COUNT_LIMIT, counts

    with application().database().read() as connection:
        now = counts(connection)
    for state in ("waiting", "later", "sending", "unknown", "sent", "failed"):
        number = getattr(now, state)
        print(f"{state:8} {number}{'+' if number == COUNT_LIMIT else ''}")
    if now.oldest_waiting:
        print(f"oldest   {now.oldest_waiting:%Y-%m-%dT%H:%M:%SZ}")
    return 0


def resolve(arguments: Namespace) -> int:
    """Decide about an email whose outcome is unknown."""
    from shared.app import application
    from shared.outbox.cancel_retry_resolve import Decision, resolve

    decision = Decision(arguments.decision)
    flag = (
        application().database().run(lambda connection: resolve(connection, arguments.id, decision))
    )
    print(f"Email {arguments.id} is now {flag.name.lower()}.")
    return 0


def move_passwords(_: Namespace) -> int:
    """Move the accounts' plain passwords from the table into the secret store."""
    from shared.accounts.move_passwords import move_passwords
    from shared.app import application

    moved = move_passwords(application())
    for code in moved:
        print(f"moved    {code or '(without a code)'}")
    print("The table holds no plain password." if not moved else f"{len(moved)} moved.")
    return 0


def import_keys(arguments: Namespace) -> int:
    """Take over the keys of an older service, with their Gmail accounts."""
    from shared.app import application
    from shared.features.keyed_sending.key_file import read_key_file
    from shared.features.keyed_sending.key_import import SHORT_CHARACTERS, import_keys

    lines = read_key_file(_read(arguments.file))
    imported = import_keys(application(), lines)
    print(
        f"Keys: {imported.keys} made, {len(lines) - imported.keys} were there. "
        f"Accounts: {imported.accounts} made, {imported.passwords} with a new password."
    )
    short = [str(one.line) for one in lines if len(one.key) < SHORT_CHARACTERS]
    if short:
        print(
            f"Short keys may be guessed (line {', '.join(short[:10])}): make-key makes better ones."
        )
    return 0


def make_key(arguments: Namespace) -> int:
    """Make a key and print it, this once."""
    from shared.app import application
    from shared.security.roles import Role

    key = application().keys.make(
        arguments.name, arguments.account, Role(arguments.role), "command"
    )
    print(key.text)
    return 0


def keys(_: Namespace) -> int:
    """List the keys by number."""
    from shared.app import application

    after = 0
    while page := application().keys.page(after, _KEYS_AT_ONCE):
        for one in page:
            state = f"revoked {one.revoked_at:%Y-%m-%d}" if one.revoked_at else "good"
            print(f"{one.id:4} {state:18} {one.role:8} account {one.account_id:<4} {one.name}")
        after = page[-1].id
    return 0


def revoke_key(arguments: Namespace) -> int:
    """End a key."""
    from shared.app import application

    application().keys.revoke(arguments.id)
    print(f"Key {arguments.id} is revoked: within 30 seconds it opens nothing.")
    return 0


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CannotRead(f"{file} cannot be read: {error.strerror}") from error

"""What doctor says: every part that sending needs, one after the other, and what helps.

Nothing is changed, and no part that is away keeps the others from being looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, func, literal_column, select
from sqlalchemy.exc import SQLAlchemyError

from shared.accounts.directory import answered_codes, load_accounts
from shared.accounts.states import account_states
from shared.bounces.mailboxes.register import problems as mailbox_problems
from shared.database import migrations, probe
from shared.database.adoption.questions import Adoption
from shared.database.adoption.rules import Finding, Level
from shared.database.columns.times import utc_now
from shared.database.engine import driver_of, open_engine
from shared.database.errors import DatabaseUnreachable
from shared.database.tables import emails, service
from shared.errors import RowpostError
from shared.monitoring.disk import disk_problem
from shared.outbox.queries import counts
from shared.outbox.rows.their_rows import says_new
from shared.scheduling import service_state

if TYPE_CHECKING:
    from shared.app import Application

_CLOCK_TOLERANCE = timedelta(seconds=30)
_CLOCK_REFUSED = timedelta(minutes=5)
_PROBE_SECONDS = 10.0
_MOST_ROWS = 10_000
_MOST_CODES = 20
_SIMILAR = 0.6


def diagnose(application: Application) -> Adoption:
    """All parts: disk, secret store, driver, database, clock, accounts, rows, storage."""
    findings = [*_of_disk(application), *_of_secrets(application)]
    adopted = False
    if findings[-1].level is Level.REFUSED:
        findings.append(_warned("database", "Its address is not known without the secret store."))
    else:
        found = _of_database(application)
        adopted = found.adopted
        findings.extend(found.findings)
    findings.extend(_of_storage(application))
    return Adoption(adopted, tuple(findings))


def _of_disk(application: Application) -> Iterator[Finding]:
    folder = application.settings.data
    problem = disk_problem(folder) if folder.is_dir() else None
    if problem:
        yield _refused("disk", problem)
    else:
        yield _fine("disk", f"There is room in {folder}.")


def _of_secrets(application: Application) -> Iterator[Finding]:
    kind = "Key Vault" if application.settings.key_vault_uri else "the encrypted file"
    try:
        application.configuration.reload()
        if problem := application.configuration.problem:
            raise problem
        application.logins.everybody()
    except RowpostError as error:
        yield _refused("secret_store", str(error))
        return
    yield _fine("secret_store", f"{kind[:1].upper()}{kind[1:]} answers.")
    if trust := application.foreign_tokens.problem():
        yield _warned("trust", trust)


def _of_database(application: Application) -> Adoption:
    url = application.database_url()
    findings: list[Finding] = []
    driver = driver_of(url)
    if driver is None:
        return Adoption(adopted=False, findings=(_refused("driver", _why_no_driver(url)),))
    findings.append(_fine("driver", f"{driver}, for the database of: {_source(application)}."))
    if _is_not_made_yet(application):
        findings.append(_fine("database", "It is made when Rowpost first runs."))
        return Adoption(adopted=False, findings=tuple(findings))
    trusted = application.settings.trusted_servers
    if reason := probe.why_closed(url, _PROBE_SECONDS, trusted):
        return Adoption(adopted=False, findings=(*findings, _refused("database", reason)))
    try:
        found = application.adoption()
        findings.extend(found.findings)
        with application.looking() as database, database.read() as connection:
            findings.extend(_of_clock(connection, application.clock()))
            version = migrations.version_of(connection)
            findings.extend(_of_schema(version))
            if version == migrations.HEAD:
                findings.extend(
                    _warned("dropped", str(gone)) for gone in migrations.lost(connection)
                )
                findings.extend(_of_service(connection, application.clock()))
                findings.extend(_of_rows(connection))
                findings.extend(_of_accounts(connection, application))
                findings.extend(
                    _warned("bounce_mailbox", problem) for problem in mailbox_problems(connection)
                )
    except (SQLAlchemyError, DatabaseUnreachable) as error:
        findings.append(_refused("database", f"It stopped answering ({type(error).__name__})."))
        return Adoption(adopted=False, findings=tuple(findings))
    return Adoption(found.adopted, tuple(findings))


def _source(application: Application) -> str:
    source = application.database_source()
    return "the saved configuration" if source == "configuration" else source


def _is_not_made_yet(application: Application) -> bool:
    with application.looking() as database:
        file = Path(database.engine.url.database or "")
        return database.is_local_file and not file.exists()


def _why_no_driver(url: str) -> str:
    try:
        open_engine(url).dispose()
    except DatabaseUnreachable as error:
        return str(error)
    return "The database's driver can't be loaded."


def _of_clock(connection: Connection, here: datetime) -> Iterator[Finding]:
    there: datetime = connection.execute(select(utc_now())).scalar_one()
    ahead = here - there
    if abs(ahead) <= _CLOCK_TOLERANCE:
        yield _fine("clock", "This machine and the database agree on the time.")
        return
    level = Level.REFUSED if abs(ahead) >= _CLOCK_REFUSED else Level.WARNED
    where = "ahead of" if ahead > timedelta() else "behind"
    yield Finding(
        level,
        "clock",
        f"This machine's clock is {_long(abs(ahead))} {where} the database's: windows, logins and "
        "limits go by the wrong time. Let both follow a time server (`timedatectl set-ntp true`).",
    )


def _of_schema(version: str | None) -> Iterator[Finding]:
    if version is None:
        yield _fine("schema", "Rowpost has not been in this database yet.")
    elif version != migrations.HEAD:
        yield _warned(
            "schema",
            f"The tables are of version {version}, this is {migrations.HEAD}: `rowpost migrate` "
            "brings them up to date, or the next start.",
        )


def _of_service(connection: Connection, now: datetime) -> Iterator[Finding]:
    state = service_state.status(connection)
    if state.moved:
        yield _refused("moved", "The queue has moved to another database: this one sends nothing.")
    elif not state.running:
        yield _warned("stopped", "The service is stopped: `rowpost start` lets it send.")
    if state.last_tick is not None and state.last_tick - now > _CLOCK_TOLERANCE:
        yield _warned(
            "clock_set_back",
            f"The last tick is {_long(state.last_tick - now)} in the future: a clock was wrong, or "
            "is.",
        )


def _of_rows(connection: Connection) -> Iterator[Finding]:
    """Codes that rows name and no active account has, of what is held and what is new."""
    answered = [code or "" for code in answered_codes(connection)]
    known = {code.strip().casefold() for code in answered}
    named: Counter[str] = Counter()
    for code, number in connection.execute(_NEW_CODES):
        if (written := (code or "").strip()).casefold() not in known:
            named[written] += number
    waiting = named | counts.held(connection, answered_codes(connection))
    for code, number in waiting.most_common(_MOST_CODES):
        if not code:
            yield _warned(
                "held",
                f"{_emails(number)} can't be sent: they name no account, or the row can't be read "
                "(`rowpost list --status held`, GET /api/health). Make an account the default one.",
            )
            continue
        near = get_close_matches(code, [one for one in answered if one], 1, _SIMILAR)
        meant = f" Did they mean {near[0]!r}?" if near else ""
        yield _warned(
            "unknown_code",
            f"{_emails(number)} can't be sent: no active account has the code {code!r}.{meant} "
            "Give an account that code, or correct the rows.",
        )


def _of_accounts(connection: Connection, application: Application) -> Iterator[Finding]:
    book = load_accounts(connection, application.secrets, application.settings)
    states = account_states(connection, book)
    if not states:
        yield _warned("accounts", "There is no mail account: `rowpost accounts add`.")
    for account in states:
        if account.state in ("paused", "unusable"):
            yield _warned(
                "account",
                f"The account {account.code or '(default)'} is {account.state}: {account.reason}",
            )
    for code in book.plain_passwords:
        yield _warned(
            "plain_password",
            f"The password of the account {code} stands in the table in plain text: "
            "`rowpost move-passwords`.",
        )
    if states and all(account.state in ("ready", "out_of_quota") for account in states):
        yield _fine("accounts", f"Accounts that can send: {len(states)}.")


def _of_storage(application: Application) -> Iterator[Finding]:
    if not application.settings.has_storage:
        return
    try:
        application.wakeups.check()
        application.attachments.store.check()
    except (RowpostError, ValueError) as error:
        yield _refused("storage", f"{error}: look at AzureWebJobsStorage and at the network.")
    else:
        yield _fine("storage", "The storage account answers.")


_first = select(service.c.FirstId).where(service.c.Id == literal_column("1")).scalar_subquery()
_new = (
    select(emails.c.dd_EmailParamCode)
    .where(says_new, emails.c.dd_srno >= func.coalesce(_first, literal_column("0")))
    .limit(_MOST_ROWS)
    .subquery()
)
_NEW_CODES = select(_new.c.dd_EmailParamCode, func.count()).group_by(_new.c.dd_EmailParamCode)


def _emails(number: int) -> str:
    return "1 email" if number == 1 else f"{number} emails"


def _long(time: timedelta) -> str:
    seconds = round(time.total_seconds())
    return f"{seconds // 60} minutes" if seconds >= 120 else f"{seconds} seconds"


def _fine(code: str, message: str) -> Finding:
    return Finding(Level.FINE, code, message)


def _warned(code: str, message: str) -> Finding:
    return Finding(Level.WARNED, code, message)


def _refused(code: str, message: str) -> Finding:
    return Finding(Level.REFUSED, code, message)

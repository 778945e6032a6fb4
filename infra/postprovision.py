"""What `azd up` does between making the resources and deploying the app, as the deployer.

The first admin's password goes into the vault, the database's tables are brought up to date, and
the app's identity becomes a user there that may read and write rows and change nothing else. A
database that was made here gets READ_COMMITTED_SNAPSHOT; of one that others use it is only said.
Every step finds out what is left to do, so running it again does no harm.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar
from uuid import UUID

from shared.configuration.key_vault_trouble import innermost_code
from shared.database.adoption.server_options import (
    SNAPSHOT_IS_OFF,
    ServerOptions,
    read_server_options,
    refuse_forced_delayed_durability,
    turn_on_read_committed_snapshot,
)
from shared.errors import RowpostError
from shared.security.logins import FIRST_ADMIN, FIRST_PASSWORD_SECRET

if TYPE_CHECKING:
    from azure.keyvault.secrets import SecretClient
    from sqlalchemy import Engine

T = TypeVar("T")

FIREWALL_RULE = "rowpost-deployment"
SERVICE_ROLE = "rowpost_service"
ROOT = Path(__file__).resolve().parent.parent

_PASSWORD_BYTES = 18
# New roles and new firewall rules take effect within five minutes, says Azure.
_TRIES = 31
_PAUSE_SECONDS = 10.0
# What Key Vault says inside of its 403 when it is the network and not a role that is missing.
_CLOSED_TO_US = ("ForbiddenByConnection", "ForbiddenByFirewall")
# Others may be connected for a moment, a portal's query editor for hours.
_SNAPSHOT_TRIES = 6
# "Cannot open server 'sql-rowpost' requested by the login. Client with IP address '...' is not
# allowed to access the server." (error 40615)
_NOT_LET_IN = re.compile(r"IP address '([0-9.]+)'")


class CannotPrepare(RowpostError):
    """A step of the deployment did not work."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What `infra/main.bicep` has made, as azd tells its hooks."""

    subscription_id: UUID
    resource_group: str
    identity_name: str
    identity_client_id: UUID
    sql_server: str
    sql_database: str
    server_is_made_here: bool
    """Whether nobody used the database before Rowpost."""
    vault_uri: str
    database_mail: bool
    """Whether the procedures and views of Database Mail are wanted (ROWPOST_DATABASE_MAIL)."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Raises CannotPrepare when something is missing: not run by azd."""
        try:
            return cls(
                subscription_id=UUID(environment["AZURE_SUBSCRIPTION_ID"]),
                resource_group=environment["AZURE_RESOURCE_GROUP"],
                identity_name=environment["ROWPOST_IDENTITY_NAME"],
                identity_client_id=UUID(environment["ROWPOST_IDENTITY_CLIENT_ID"]),
                sql_server=environment["ROWPOST_SQL_SERVER"],
                sql_database=environment["ROWPOST_SQL_DATABASE"],
                server_is_made_here=environment["ROWPOST_SQL_SERVER_IS_MADE_HERE"].lower()
                == "true",
                vault_uri=environment["KEY_VAULT_URI"],
                database_mail=environment.get("ROWPOST_DATABASE_MAIL", "").lower() == "true",
            )
        except (KeyError, ValueError) as error:
            raise CannotPrepare(
                f"{error} is not set as `azd provision` does: run `azd hooks run postprovision`"
            ) from error

    @property
    def database_url(self) -> str:
        """The database as whoever deploys sees it: by a token of their own login."""
        return (
            f"mssql+pyodbc://{self.sql_server}:1433/{self.sql_database}"
            "?authentication=ActiveDirectoryDefault"
        )


def main() -> int:
    """Prepare vault and database, and say what was done."""
    try:
        deployment = Deployment.from_environment(os.environ)
        prepare_vault(deployment)
        with reachable(deployment) as engine:
            look_at_options(engine, deployment)
            migrate(deployment)
            let_in(engine, deployment)
            if deployment.database_mail:
                install_database_mail(deployment)
    except RowpostError as error:
        print(f"rowpost: {error}", file=sys.stderr)
        return 1
    return 0


def prepare_vault(deployment: Deployment) -> None:
    """Put a first admin's password there, unless somebody has seen to it already."""
    from azure.identity import DefaultAzureCredential
    from azure.keyvault.secrets import SecretClient

    vault = SecretClient(deployment.vault_uri, DefaultAzureCredential())
    if put_first_password(vault):
        name = deployment.vault_uri.removeprefix("https://").partition(".")[0]
        print(f"The first admin's name is `{FIRST_ADMIN}`. The password:")
        print(
            f"  az keyvault secret show --subscription {deployment.subscription_id}"
            f" --vault-name {name} --name {FIRST_PASSWORD_SECRET} --query value --output tsv"
        )


def put_first_password(vault: SecretClient, pause: Callable[[float], object] = time.sleep) -> bool:
    """Whether a password was made. One that is there, disabled or deleted is left as it is."""
    from azure.core.exceptions import ResourceExistsError

    def put() -> bool:
        if next(iter(vault.list_properties_of_secret_versions(FIRST_PASSWORD_SECRET)), None):
            return False
        try:
            vault.set_secret(FIRST_PASSWORD_SECRET, secrets.token_urlsafe(_PASSWORD_BYTES))
        except ResourceExistsError:
            return False
        return True

    return _once_allowed(put, pause)


def _once_allowed(step: Callable[[], T], pause: Callable[[float], object]) -> T:
    """The step's result, as soon as the vault has heard of the deployer's role."""
    from azure.core.exceptions import AzureError, HttpResponseError

    for tries_left in reversed(range(_TRIES)):
        try:
            return step()
        except HttpResponseError as error:
            if innermost_code(error) in _CLOSED_TO_US:
                raise CannotPrepare(
                    "the key vault can't be reached from here, for it answers in its private "
                    "network only: run this step on a machine inside of it (docs/install.md, "
                    "A private network)"
                ) from error
            if error.status_code != 403 or not tries_left:
                raise CannotPrepare(
                    f"the key vault answers {error.status_code}: the deployer needs the role Key "
                    "Vault Secrets Officer there"
                ) from error
        except AzureError as error:
            raise CannotPrepare(
                "the key vault can't be reached: log in with `az login` or `azd auth login`, and "
                "with a private network run this step from inside of it"
            ) from error
        pause(_PAUSE_SECONDS)
    raise AssertionError("unreachable")


def look_at_options(engine: Engine, deployment: Deployment) -> None:
    """Turn READ_COMMITTED_SNAPSHOT on where that harms nobody, else say that it is off.

    Raises DelayedDurabilityForced before anything of such a database is changed.
    """
    # ALTER DATABASE takes no part in a transaction.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        refuse_forced_delayed_durability(connection)
        options = read_server_options(connection)
        if turns_snapshot_on(options, deployment):
            on = turned_on(lambda: turn_on_read_committed_snapshot(connection), time.sleep)
            print("READ_COMMITTED_SNAPSHOT is on now." if on else SNAPSHOT_IS_OFF)
        elif options is not None and not options.read_committed_snapshot:
            print(SNAPSHOT_IS_OFF)


def turns_snapshot_on(options: ServerOptions | None, deployment: Deployment) -> bool:
    """Whether the option is off in a database of our own: it changes what others' readers see."""
    is_off = options is not None and not options.read_committed_snapshot
    return is_off and deployment.server_is_made_here


def turned_on(turn_on: Callable[[], None], pause: Callable[[float], object]) -> bool:
    """Whether the option could be turned on within a minute, in a moment without others."""
    from sqlalchemy.exc import DBAPIError

    for tries_left in reversed(range(_SNAPSHOT_TRIES)):
        try:
            turn_on()
        except DBAPIError:
            if tries_left:
                pause(_PAUSE_SECONDS)
        else:
            return True
    return False


def migrate(deployment: Deployment) -> None:
    """Bring the tables of the queue's database up to date: the saved one, else the deployed one."""
    if not _runs(deployment, "migrate"):
        raise CannotPrepare("the database was not migrated: the reason is above")


def install_database_mail(deployment: Deployment) -> None:
    """Make sp_send_dbmail and what belongs to it there, or make them anew."""
    if not _runs(deployment, "install-database-mail"):
        raise CannotPrepare("Database Mail was not installed: the reason is above")


def _runs(deployment: Deployment, verb: str) -> bool:
    """Whether the command went through, on the database that the app works on."""
    settings = {"DATABASE_URL": deployment.database_url, "KEY_VAULT_URI": deployment.vault_uri}
    done = subprocess.run(
        [sys.executable, "-m", "standalone", verb],
        cwd=ROOT,
        env={**os.environ, **settings},
        check=False,
    )
    return done.returncode == 0


def let_in(engine: Engine, deployment: Deployment) -> None:
    """Make the app's identity a user of the database that can only read and write the rows of the
    tables that Rowpost works on, by the role that the migration has made."""
    from shared.database.migrations import service_rights

    name = deployment.identity_name
    made = user_statements(name, deployment.identity_client_id)
    with engine.begin() as connection:
        for statement in [*made, *service_rights(), role_statement(name)]:
            connection.exec_driver_sql(statement)
    print(f"{deployment.identity_name} may read and write rows in {deployment.sql_database}.")


def user_statements(name: str, client_id: UUID) -> list[str]:
    """T-SQL that makes an identity a user, who may do nothing yet.

    By its SID, which is its client id: looking it up by name would need a role in Entra ID that
    neither the server nor a pipeline has. An identity that was made anew replaces the former one.
    """
    sid = f"0x{client_id.bytes_le.hex()}"
    user = _bracketed(name)
    quoted = "N'" + name.replace("'", "''") + "'"
    former = f"SELECT 1 FROM sys.database_principals WHERE name = {quoted} AND sid <> {sid}"
    return [
        f"IF EXISTS ({former}) DROP USER {user}",
        f"IF DATABASE_PRINCIPAL_ID({quoted}) IS NULL CREATE USER {user} WITH SID = {sid}, TYPE = E",
    ]


def role_statement(name: str) -> str:
    """T-SQL that gives a user the service's rights."""
    return f"ALTER ROLE {SERVICE_ROLE} ADD MEMBER {_bracketed(name)}"


def _bracketed(name: str) -> str:
    return "[" + name.replace("]", "]]") + "]"


@contextmanager
def reachable(deployment: Deployment) -> Iterator[Engine]:
    """The database, with the server's firewall open for this machine while it is needed."""
    from shared.database.engine import open_engine

    engine = open_engine(deployment.database_url, connect_seconds=60, request_seconds=300)
    try:
        address = _refused_address(engine)
        if address is None:
            yield engine
            return
        with firewall_open(deployment, address):
            _wait_until_let_in(engine)
            yield engine
    finally:
        engine.dispose()


@contextmanager
def firewall_open(deployment: Deployment, address: str) -> Iterator[None]:
    """A rule of the SQL server for this address, gone afterwards whatever happens."""
    print(f"Opening the firewall of {deployment.sql_server} for {address} meanwhile.")
    _firewall(deployment, "create", "--start-ip-address", address, "--end-ip-address", address)
    try:
        yield
    finally:
        _firewall(deployment, "delete")


def _refused_address(engine: Engine) -> str | None:
    """This machine's address if the server's firewall refuses it; None: we are in."""
    from sqlalchemy.exc import DBAPIError

    try:
        engine.connect().close()
    except DBAPIError as error:
        if address := refused_address(str(error.orig)):
            return address
        raise CannotPrepare(
            "the database can't be opened: whoever deploys has to be (or belong to) the server's "
            f"Entra administrator, and reach it. The server says: {error.orig}"
        ) from error
    return None


def refused_address(words: str) -> str | None:
    """The address that Azure SQL names where its firewall refuses somebody."""
    found = _NOT_LET_IN.search(words)
    return found[1] if found else None


def _wait_until_let_in(engine: Engine) -> None:
    for _ in range(_TRIES):
        if _refused_address(engine) is None:
            return
        time.sleep(_PAUSE_SECONDS)
    raise CannotPrepare("the firewall rule has not taken effect: run the step again")


def _firewall(deployment: Deployment, verb: str, *more: str) -> None:
    az = shutil.which("az")
    if az is None:
        raise CannotPrepare(
            f"the server's firewall needs a rule for this machine: install the Azure CLI, or add "
            f"one by hand and run the step again ({deployment.sql_server})"
        )
    named = [
        *("--subscription", str(deployment.subscription_id)),
        *("--resource-group", deployment.resource_group),
        *("--server", deployment.sql_server.partition(".")[0]),
        *("--name", FIREWALL_RULE),
    ]
    command = [az, "sql", "server", "firewall-rule", verb, *named, *more, "--output", "none"]
    if subprocess.run(command, check=False).returncode:
        raise CannotPrepare(f"the firewall rule could not be changed ({verb}): add it by hand")


if __name__ == "__main__":
    sys.exit(main())

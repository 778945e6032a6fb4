"""The running service with its secrets in a key vault, which goes away and comes back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

from shared.accounts.credentials import passwords
from shared.accounts.credentials.passwords import Binding
from shared.configuration.document import Configuration, EmailSchedule
from shared.configuration.live import SECRET_NAME, LiveConfiguration
from shared.security import logins
from tests.support.key_vault import TOKEN, KeyVault, vault_store
from tests.support.smtp import SmtpServer
from tests.support.standalone import PASSWORD, USERNAME, Launch, Standalone, wait_until

SCHEDULE = {
    "startTime": "09:00",
    "endTime": "18:00",
    "interval": 30,
    "intervalUnit": "minutes",
    "dbRequestTimeout": 30000,
    "dbConnectionTimeout": 30000,
}
LOGIN = ("orders", "the mail server's own")


def test_the_service_outlives_its_vault(
    standalone: Launch, key_vault: KeyVault, smtp_server: Callable[..., SmtpServer]
) -> None:
    key_vault.put(logins.FIRST_PASSWORD_SECRET, PASSWORD)
    server = smtp_server(login=LOGIN)
    service = standalone(
        **key_vault.environment(), ROWPOST_ADMIN_PASSWORD="", ROWPOST_CATCHER_PORT="off"
    )
    admin = service.login()
    add_account(service, server)

    # What is saved lives in the vault and nowhere else.
    saved = service.post("/api/save-email-config", SCHEDULE, token=admin)
    assert saved.status == 200, saved
    assert '"09:00"' in key_vault.value(SECRET_NAME)
    assert USERNAME in key_vault.value(logins.SECRET_NAME)
    assert not (service.folder / "secrets").exists()
    send(service, admin)
    assert server.wait_for_messages(1, 30)
    assert secret_store(service, admin) == {"kind": "Key Vault", "problem": None}

    key_vault.stop()
    wrong = service.post("/api/authenticate", {"username": USERNAME, "password": "wrong"})
    assert wrong.status == 401
    right = service.post("/api/authenticate", {"username": USERNAME, "password": PASSWORD})
    assert right.status == 200
    assert start_time(service, admin) == "09:00"
    send(service, admin)
    assert server.wait_for_messages(2, 30)
    refused = service.post("/api/save-email-config", SCHEDULE, token=admin)
    assert (refused.status, refused.json["code"]) == (503, "secret_store_unavailable")
    problem = secret_store(service, admin)["problem"]
    assert "can't be reached" in problem
    assert "since 20" in problem

    key_vault.start()
    LiveConfiguration(vault_store()).save(with_another_start)
    wait_until(lambda: looked_again(service, admin) == "07:00", 20, "the new configuration")
    assert secret_store(service, admin)["problem"] is None
    assert service.post("/api/save-email-config", SCHEDULE, token=admin).status == 200
    service.stop()

    for secret in (PASSWORD, LOGIN[1], TOKEN):
        assert secret not in service.written()


def add_account(service: Standalone, server: SmtpServer) -> None:
    """An account whose password is in the vault."""
    binding = Binding("127.0.0.1", server.port, "none", LOGIN[0])
    reference = passwords.keep(vault_store(), "orders", LOGIN[1], binding)
    with closing(sqlite3.connect(service.database)) as database, database:
        database.execute(
            "INSERT INTO tbl_EMailParameters (SMTPServer, SMTPPort, SMTPMailId, SMTPAccountName, "
            "SMTPPassword, SMTPSSLFlag, ParamCode, IsActive) "
            "VALUES ('127.0.0.1', ?, 'orders@example.com', ?, ?, 'N', 'ORDERS', 'Y')",
            (server.port, LOGIN[0], reference),
        )


def send(service: Standalone, admin: str) -> None:
    """A run that finds an email, if no tick has taken it before."""
    with closing(sqlite3.connect(service.database)) as database, database:
        database.execute(
            "INSERT INTO Digital_Emaildetails (dd_toEmailid, dd_subject, dd_bodyText) "
            "VALUES ('ann@example.com', 'Hello', 'Hi')"
        )
    run = service.post("/api/email-force-process", token=admin)
    assert run.status == 200, run


def secret_store(service: Standalone, admin: str) -> Any:
    return service.get("/api/health", token=admin).json["secretStore"]


def start_time(service: Standalone, admin: str) -> Any:
    answer = service.get("/api/get-current-config", token=admin)
    return answer.json["config"]["email"]["startTime"]


def looked_again(service: Standalone, admin: str) -> Any:
    """The start of the window after a look at the vault, which moving the queue begins with."""
    address = {"server": "127.0.0.1", "port": 1, "database": "elsewhere"}
    assert service.post("/api/save-config", address, token=admin).status == 409
    return start_time(service, admin)


def with_another_start(before: Configuration) -> Configuration:
    schedule = EmailSchedule.model_validate({**SCHEDULE, "startTime": "07:00"})
    return before.model_copy(update={"email": schedule})

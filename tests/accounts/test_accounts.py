"""Accounts through the API: made, shown, changed and removed, and what becomes of passwords."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from shared.accounts.credentials.move_passwords import move_passwords
from shared.accounts.directory import AccountBook, load_accounts
from shared.accounts.pauses import pause, pauses
from shared.app import Application
from shared.database.tables import accounts
from shared.smtp.opening import TlsMode
from tests.accounts.conftest import Ask
from tests.support.queue import Queue

# The example of the service that this one replaces.
GMAIL: dict[str, Any] = {
    "name": "Gmail Account",
    "email_address": "your-email@gmail.com",
    "display_name": "Your Name",
    "smtp_host": "smtp.gmail.com",
    "smtp_port": 587,
    "username": "your-email@gmail.com",
    "password": "your-password-or-app-password",
    "use_tls": True,
    "daily_limit": 500,
    "hourly_limit": 50,
}
LOCAL = {
    "name": "Local",
    "email_address": "shop@example.com",
    "smtp_host": "127.0.0.1",
    "smtp_port": 2525,
    "use_tls": False,
}


def book(app: Application) -> AccountBook:
    with app.database().read() as connection:
        return load_accounts(connection, app.secrets, app.settings)


def column(app: Application, name: str, account_id: int = 1) -> Any:
    with app.database().read() as connection:
        its_row = accounts.c.Rowpost_Id == account_id
        return connection.scalar(select(accounts.c[name]).where(its_row))


def write(app: Application, account_id: int = 1, **columns: Any) -> None:
    with app.database().write() as connection:
        its_row = accounts.c.Rowpost_Id == account_id
        connection.execute(update(accounts).where(its_row).values(columns))


def fields(reply: Any) -> list[str]:
    return [error["field"] for error in reply.json["errors"]]


def test_the_example_of_the_former_service_works_and_its_password_is_in_no_answer(
    app: Application, ask: Ask
) -> None:
    created = ask("POST", **GMAIL)
    listed, shown = ask("GET", "", "olga"), ask("GET", "/1", "olga")
    changed = ask("PUT", "/1", active=False, daily_limit=1000)

    assert (created.status, created.json) == (
        201,
        {"message": "SMTP configuration created successfully", "config_id": 1},
    )
    assert listed.json == [shown.json]
    expected = {name: value for name, value in GMAIL.items() if name != "password"}
    assert shown.json.items() >= expected.items()
    assert shown.json.items() >= {"id": 1, "active": True, "sent_count_today": 0}.items()
    assert shown.json["param_code"] == "GMAIL-ACCOUNT"
    assert shown.json["created_at"].endswith("Z")
    assert changed.json == {"message": "SMTP configuration updated successfully"}
    assert ask("GET", "/1").json.items() >= {"active": False, "daily_limit": 1000}.items()
    for reply in (created, listed, shown, changed):
        assert GMAIL["password"].encode() not in reply.body


def test_the_row_refers_to_the_password_and_the_account_logs_in_with_it(
    app: Application, ask: Ask
) -> None:
    ask("POST", **GMAIL)

    (account,) = book(app).usable

    assert column(app, "SMTPPassword").startswith("secret:smtp-gmail-account-")
    assert (account.server.username, account.server.password) == (
        GMAIL["username"],
        GMAIL["password"],
    )
    assert account.server.tls == "starttls"
    assert (account.limits.hour, account.limits.day) == (50, 500)


def test_the_name_that_ehlo_says_is_the_accounts_and_else_a_setting(
    app: Application, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask("POST", **LOCAL)
    without = book(app).usable[0].server.ehlo_name
    monkeypatch.setattr(app, "settings", app.settings.model_copy(update={"ehlo_name": "a.example"}))
    by_setting = book(app).usable[0].server.ehlo_name
    ask("PUT", "/1", ehlo_name="b.example")
    own = book(app).usable[0].server.ehlo_name

    assert (without, by_setting, own) == (None, "a.example", "b.example")
    assert ask("GET", "/1").json["ehlo_name"] == "b.example"
    refused = ask("PUT", "/1", ehlo_name="no name")
    assert (refused.status, fields(refused)) == (422, ["ehlo_name"])
    assert ask("PUT", "/1", ehlo_name=None).status == 200
    assert ask("GET", "/1").json["ehlo_name"] is None


def test_test_mode_is_a_value_of_the_account_and_shows_what_is_in_force(
    app: Application, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask("POST", **LOCAL, redirect_to="dev@example.com", allow_recipients=["@Example.com"])
    own = ask("GET", "/1").json
    settings = app.settings.model_copy(update={"redirect_to": "ops@example.com"})
    monkeypatch.setattr(app, "settings", settings)
    both = ask("GET", "/1").json["test_mode"]
    refused = ask("PUT", "/1", redirect_to="nobody", allow_recipients=["no domain"])
    ended = ask("PUT", "/1", redirect_to=None, allow_recipients=None)

    assert own["redirect_to"] == "dev@example.com"
    assert own["allow_recipients"] == ["@Example.com"]
    assert own["test_mode"] == "what is for everybody but example.com goes to dev@example.com"
    assert both == f"{own['test_mode']}; what is for everybody goes to ops@example.com"
    assert (refused.status, fields(refused)) == (422, ["redirect_to"])
    assert ended.status == 200
    assert ask("GET", "/1").json["test_mode"] == "what is for everybody goes to ops@example.com"


def test_a_bounce_address_and_its_tokens_are_values_of_an_account_that_sends_by_smtp(
    ask: Ask,
) -> None:
    ask("POST", **LOCAL, bounce_address="bounces@example.com", verp=True)
    shown = ask("GET", "/1").json
    refused = [
        ask("PUT", "/1", bounce_address="nobody"),
        ask("PUT", "/1", bounce_address="b" * 40 + "@example.com"),
        ask("PUT", "/1", bounce_address=None),
        ask("PUT", "/1", transport="graph", use_ssl=True),
    ]
    without_token = ask("PUT", "/1", bounce_address="b" * 40 + "@example.com", verp=False)
    ended = ask("PUT", "/1", bounce_address=None, verp=None)

    assert (shown["bounce_address"], shown["verp"]) == ("bounces@example.com", True)
    assert [reply.status for reply in refused] == [422] * 4
    assert [fields(reply) for reply in refused] == [
        ["bounce_address"],
        ["bounce_address"],
        ["verp"],
        ["bounce_address"],
    ]
    assert (without_token.status, ended.status) == (200, 200)
    assert ask("GET", "/1").json["bounce_address"] is None


def test_an_operator_reads_and_changes_nothing(ask: Ask) -> None:
    ask("POST", **LOCAL)

    refused = [
        ask("POST", "", "olga", **LOCAL),
        ask("PUT", "/1", "olga", active=False),
        ask("DELETE", "/1", "olga"),
        ask("POST", "/1/test", "olga"),
    ]

    assert [reply.status for reply in refused] == [403] * 4
    assert len(ask("GET").json) == 1


@pytest.mark.parametrize("path", ["/7", "/x", "/-1", "/99999999999", "/0"])
def test_an_account_that_is_not_there_is_not_found(ask: Ask, path: str) -> None:
    for reply in (ask("GET", path), ask("PUT", path, active=True), ask("DELETE", path)):
        assert (reply.status, reply.json["code"]) == (404, "not_found")
    assert ask("POST", f"{path}/test").status == 404


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\r\nb"}, "name"),
        ({"name": "\N{ROCKET}" * 200}, "name"),
        ({"email_address": "no address"}, "email_address"),
        ({"email_address": "a@b.example; c@d.example"}, "email_address"),
        ({"smtp_host": None}, "smtp_host"),
        ({"smtp_host": "mail example"}, "smtp_host"),
        ({"smtp_port": 0}, "smtp_port"),
        ({"daily_limit": 0}, "daily_limit"),
        ({"use_tls": True, "use_ssl": True}, "use_ssl"),
        ({"username": "shop"}, "password"),
        ({"password": "hush"}, "username"),
        ({"fallback_id": 9}, "fallback_id"),
        ({"preset": "nobody"}, "preset"),
        ({"tenant_id": "contoso"}, "client_id"),
        ({"count_recipients_per": ["week"]}, "count_recipients_per[0]"),
    ],
)
def test_a_value_that_no_account_can_have_is_refused_by_name(
    app: Application, ask: Ask, changed: dict[str, Any], field: str
) -> None:
    reply = ask("POST", **LOCAL | changed)

    assert (reply.status, fields(reply)) == (422, [field])
    assert ask("GET").json == []
    assert app.secrets.names("smtp-") == []


def test_a_code_belongs_to_one_account(ask: Ask) -> None:
    ask("POST", **LOCAL, param_code="SHOP")

    taken = ask("POST", **LOCAL, param_code="shop")
    others = [ask("POST", **LOCAL).json["config_id"] for _ in range(2)]

    assert (taken.status, taken.json["code"], fields(taken)) == (409, "code_taken", ["param_code"])
    assert [ask("GET", f"/{number}").json["param_code"] for number in others] == [
        "LOCAL",
        "LOCAL-2",
    ]


@pytest.mark.parametrize(
    "changed",
    [
        {"smtp_host": "evil.example"},
        {"smtp_port": 25},
        {"use_ssl": True},
        {"use_tls": False},
        {"username": "somebody"},
        {"preset": "catcher"},
    ],
)
def test_a_password_goes_only_where_it_was_given_for(
    app: Application, ask: Ask, changed: dict[str, Any]
) -> None:
    ask("POST", **GMAIL)
    (before,) = app.secrets.names("smtp-")

    refused = ask("PUT", "/1", **changed)
    given_again = ask("PUT", "/1", **changed, password="another")

    assert (refused.status, fields(refused)) == (422, ["password"])
    assert given_again.status == 200
    (account,) = book(app).usable
    assert account.server.password == "another"
    assert before not in app.secrets.names("smtp-")
    assert len(app.secrets.names("smtp-")) == 1


def test_what_leaves_the_connection_alone_needs_no_password(app: Application, ask: Ask) -> None:
    ask("POST", **GMAIL)

    reply = ask("PUT", "/1", name="Other", smtp_host="SMTP.gmail.com", hourly_limit=None)

    assert reply.status == 200
    (account,) = book(app).usable
    assert account.server.password == GMAIL["password"]
    assert account.limits.hour is None


def test_a_row_that_points_a_stored_password_at_another_host_is_unusable(
    app: Application, ask: Ask
) -> None:
    ask("POST", **GMAIL)
    write(app, SMTPServer="evil.example")

    shown = ask("GET", "/1").json

    assert book(app).usable == ()
    assert (shown["state"], "enter the password again" in shown["reason"]) == ("unusable", True)


def test_a_password_of_another_account_is_not_deleted_with_the_row_that_borrows_it(
    app: Application, ask: Ask
) -> None:
    ask("POST", **GMAIL)
    ask("POST", **LOCAL)
    write(app, 2, SMTPPassword=column(app, "SMTPPassword"))

    ask("DELETE", "/2")

    assert book(app).usable[0].server.password == GMAIL["password"]


def test_a_login_that_is_taken_away_takes_its_password_along(app: Application, ask: Ask) -> None:
    ask("POST", **GMAIL)

    assert ask("PUT", "/1", username=None).status == 200

    assert column(app, "SMTPPassword") is None
    assert app.secrets.names("smtp-") == []


def test_a_saved_change_ends_the_pause(app: Application, ask: Ask) -> None:
    ask("POST", **GMAIL)
    app.database().run(lambda connection: pause(connection, 1, 900, "535 no"))
    paused = ask("GET", "/1").json

    ask("PUT", "/1", password="the right one")

    assert (paused["state"], paused["reason"]) == ("paused", "535 no")
    assert paused["until"].endswith("Z")
    with app.database().read() as connection:
        assert pauses(connection) == {}
    assert ask("GET", "/1").json["state"] == "ready"


def test_there_is_one_default_account(ask: Ask) -> None:
    ask("POST", **LOCAL, default=True)
    ask("POST", **LOCAL, default=True)
    assert [one["default"] for one in ask("GET").json] == [False, True]

    ask("PUT", "/1", default=True)

    assert [one["default"] for one in ask("GET").json] == [True, False]


def test_emails_of_a_deleted_account_are_held_and_counted(
    app: Application, ask: Ask, queue: Queue
) -> None:
    ask("POST", **GMAIL, default=True)
    ask("POST", **LOCAL)
    ask("PUT", "/2", fallback_id=1)
    queue.add(3, dd_EmailParamCode="GMAIL-ACCOUNT")
    queue.add(2)
    queue.add(4, dd_EmailParamCode="LOCAL")

    reply = ask("DELETE", "/1")

    # Emails without a code go to the only account that is left.
    assert (reply.status, reply.json["held"]) == (200, 3)
    assert "3" in reply.json["message"]
    assert app.secrets.names("smtp-") == []
    assert ask("GET", "/2").json["fallback_id"] is None
    assert queue.states() == {"N": 9}


def test_the_number_of_a_deleted_account_is_not_used_again(ask: Ask) -> None:
    ask("POST", **LOCAL)
    ask("DELETE", "/1")

    assert ask("POST", **LOCAL).json["config_id"] == 2


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        (
            "microsoft365",
            {"smtp_host": "smtp.office365.com", "minute_limit": 30, "daily_limit": 10_000}
            | {"max_connections": 3, "count_recipients_per": ["day"], "use_tls": True},
        ),
        ("gmail", {"smtp_host": "smtp.gmail.com", "smtp_port": 587, "daily_limit": 2_000}),
        ("amazon-ses", {"count_recipients_per": ["minute", "hour", "day"], "daily_limit": None}),
        ("azure-communication-services", {"minute_limit": 30, "hourly_limit": 100}),
    ],
)
def test_a_preset_says_what_is_known_of_a_service(
    ask: Ask, preset: str, expected: dict[str, Any]
) -> None:
    login = {"username": "shop@example.com", "password": "hush"}
    reply = ask("POST", name="Shop", email_address="shop@example.com", preset=preset, **login)

    assert reply.status == 201
    shown = ask("GET", "/1").json
    assert shown.items() >= expected.items()
    assert shown["preset"] == preset


def test_a_preset_s_limit_that_is_given_as_null_is_none(ask: Ask) -> None:
    login = {"username": "a@gmail.com", "password": "p"}
    ask("POST", name="G", email_address="a@gmail.com", preset="gmail", daily_limit=None, **login)

    shown = ask("GET", "/1").json
    assert (shown["preset"], shown["daily_limit"]) == ("gmail", None)


def test_the_catcher_needs_no_login_and_what_is_given_wins_over_a_preset(ask: Ask) -> None:
    ask("POST", name="C", email_address="a@b.example", preset="catcher", daily_limit=5)

    shown = ask("GET", "/1").json
    assert (shown["smtp_host"], shown["smtp_port"], shown["use_tls"]) == ("127.0.0.1", 1025, False)
    assert shown["daily_limit"] == 5


@pytest.mark.parametrize(
    ("given", "tls"),
    [
        ({"smtp_port": 465}, (False, True)),
        ({"smtp_port": 465, "use_tls": True}, (False, True)),
        ({"smtp_port": 587}, (True, False)),
        ({"smtp_port": 25, "use_tls": False}, (False, False)),
        ({"smtp_port": 2465, "use_ssl": True}, (False, True)),
        ({"smtp_port": 587, "use_tls": True, "use_ssl": False}, (True, False)),
    ],
)
def test_tls_is_as_port_and_flags_say(
    app: Application, ask: Ask, given: dict[str, Any], tls: tuple[bool, bool]
) -> None:
    ask("POST", name="A", email_address="a@b.example", smtp_host="mail.example", **given)

    shown = ask("GET", "/1").json

    assert (shown["use_tls"], shown["use_ssl"]) == tls
    (account,) = book(app).usable
    assert (account.server.tls == "starttls", account.server.tls == "implicit") == tls


@pytest.mark.parametrize(
    ("flag", "tls"),
    [
        *((flag, TlsMode.STARTTLS) for flag in ("Y", "y", "YES", " Yes ", "true", "1")),
        *((flag, TlsMode.NONE) for flag in ("N", "no", "False", "0", "", " ", None)),
    ],
)
def test_the_flag_for_tls_is_read_in_any_of_its_forms(
    app: Application, ask: Ask, flag: str | None, tls: TlsMode
) -> None:
    ask("POST", **LOCAL)
    write(app, SMTPSSLFlag=flag, Rowpost_Tls=None, SMTPPort=587)

    (account,) = book(app).usable

    assert account.server.tls is tls


@pytest.mark.parametrize("flag", ["T", "ja", "?", "SSL"])
def test_a_flag_for_tls_that_nobody_knows_is_a_problem_and_not_plain_text(
    app: Application, ask: Ask, flag: str
) -> None:
    ask("POST", **LOCAL)
    write(app, SMTPSSLFlag=flag, Rowpost_Tls=None)

    (account,) = book(app).unusable

    assert "SMTPSSLFlag" in account.reason
    assert ask("GET").json[0]["use_tls"] is True


def test_a_fallback_is_one_step_away_and_no_more(ask: Ask) -> None:
    for _ in range(3):
        ask("POST", **LOCAL)
    assert ask("PUT", "/1", fallback_id=2).status == 200

    for path, fallback in (("/2", 3), ("/2", 1), ("/3", 1), ("/1", 1), ("/1", 9)):
        refused = ask("PUT", path, fallback_id=fallback)
        assert (refused.status, fields(refused)) == (422, ["fallback_id"])
    assert ask("PUT", "/3", fallback_id=2).status == 200


def test_several_accounts_may_take_over_and_the_fallback_is_the_first_of_them(ask: Ask) -> None:
    for _ in range(4):
        ask("POST", **LOCAL)

    def known() -> tuple[object, object]:
        account = ask("GET", "/1").json
        return account["fallback_id"], account["failover_ids"]

    assert known() == (None, [])
    ask("PUT", "/1", failover_ids=[3, 2])
    assert known() == (3, [3, 2])
    ask("PUT", "/1", fallback_id=4)
    assert known() == (4, [4, 2])
    ask("PUT", "/1", fallback_id=2)
    assert known() == (2, [2])
    ask("PUT", "/1", failover_ids=[2, 3, 4], fallback_id=2, active=False)
    ask("PUT", "/1", daily_limit=7)
    assert known() == (2, [2, 3, 4])
    ask("DELETE", "/2")
    assert known() == (3, [3, 4])
    ask("PUT", "/1", fallback_id=None)
    assert known() == (None, [])
    made = ask("POST", **LOCAL, failover_ids=[4, 3]).json["config_id"]
    assert ask("GET", f"/{made}").json["failover_ids"] == [4, 3]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"failover_ids": [2, 9]}, "failover_ids[1]"),
        ({"failover_ids": [2, 2]}, "failover_ids[1]"),
        ({"failover_ids": [1]}, "failover_ids[0]"),
        ({"failover_ids": [3]}, "failover_ids[0]"),
        ({"failover_ids": [2], "fallback_id": 4}, "fallback_id"),
        ({"failover_ids": [0]}, "failover_ids[0]"),
        ({"failover_ids": [2] * 11}, "failover_ids"),
    ],
    ids=["not there", "twice", "itself", "has one itself", "another first", "none", "too many"],
)
def test_what_can_not_take_over_is_refused(ask: Ask, given: dict[str, object], field: str) -> None:
    for _ in range(4):
        ask("POST", **LOCAL)
    ask("PUT", "/3", failover_ids=[4])

    refused = ask("PUT", "/1", **given)

    assert (refused.status, fields(refused)) == (422, [field])
    assert ask("GET", "/1").json["failover_ids"] == []


def test_plain_passwords_move_into_the_store_bound_to_their_connection(
    app: Application, queue: Queue
) -> None:
    queue.account(2525, "OLD", SMTPAccountName="shop", SMTPPassword="plain words")
    queue.account(2525, "NEW", SMTPAccountName="shop", SMTPPassword="secret:smtp-new")
    queue.account(2525, "NONE", SMTPPassword="never used")

    assert book(app).plain_passwords == ("OLD", "NONE")
    assert move_passwords(app) == ["OLD", "NONE"]
    assert move_passwords(app) == []

    assert book(app).plain_passwords == ()
    assert column(app, "SMTPPassword").startswith("secret:smtp-old-")
    usable = {account.code: account.server.password for account in book(app).usable}
    assert usable == {"OLD": "plain words", "NONE": None}
    write(app, SMTPServer="evil.example")
    assert "OLD" in book(app).problems


def test_an_account_of_a_service_over_http_needs_no_password(app: Application, ask: Ask) -> None:
    graph = {"name": "Graph", "email_address": "shop@example.com", "preset": "microsoft-graph"}
    created = ask("POST", **graph, username="Shop@Example.com")
    shown = ask("GET", "/1").json
    nameless = ask(
        "POST", name="A", email_address="a@example.com", preset="azure-communication-services-api"
    )
    plain = ask(
        "POST",
        **{**LOCAL, "smtp_host": "x.communication.azure.com"},
        transport="acs",
    )

    assert created.status == 201
    assert shown.items() >= {
        "transport": "graph", "smtp_host": "graph.microsoft.com", "smtp_port": 443,
        "use_ssl": True, "max_connections": 4, "minute_limit": 30,
    }.items()  # fmt: skip
    (account,) = book(app).usable
    assert (account.transport, account.mailbox) == ("graph", "Shop@Example.com")
    assert (nameless.status, fields(nameless)) == (422, ["smtp_host"])
    assert (plain.status, fields(plain)) == (422, ["use_ssl"])
    assert ask("PUT", "/1", transport=None, preset=None).status == 422
    assert ask("PUT", "/1", smtp_port=444).status == 200


@pytest.mark.parametrize(
    ("kind", "host"),
    [
        ("graph", "evil.example"),
        ("graph", "graph.microsoft.com.evil.example"),
        ("acs", "communication.azure.com.evil.example"),
        ("acs", "evilcommunication.azure.com"),
        ("acs", "graph.microsoft.com"),
    ],
)
def test_the_apps_own_identity_is_shown_to_its_service_alone(
    app: Application, ask: Ask, kind: str, host: str
) -> None:
    """Whoever may write the accounts' table could else have it sent to a server of their own."""
    wanted = {"name": "A", "email_address": "a@example.com", "transport": kind, "use_ssl": True}
    refused = ask("POST", **wanted, smtp_host=host, smtp_port=443)
    ask("POST", **LOCAL)
    write(app, Rowpost_Transport=kind, SMTPServer=host, SMTPPort=443, SMTPSSLFlag="Y")

    assert (refused.status, fields(refused)) == (422, ["smtp_host"])
    assert not book(app).usable
    assert "own identity is shown to" in book(app).problems["LOCAL"]


@pytest.mark.parametrize(
    ("before", "change", "refused"),
    [
        ({}, {"transport": "acs"}, "smtp_host"),
        ({}, {"transport": "acs", "smtp_host": "evil.example"}, "smtp_host"),
        ({}, {"transport": "graph", "smtp_host": "evil.example"}, "smtp_host"),
        ({}, {"transport": "acs", "smtp_host": "a.communication.azure.com", "use_tls": False,
              "use_ssl": False}, "use_ssl"),
        ({}, {"transport": "acs", "smtp_host": "a.communication.azure.com"}, None),
        ({}, {"transport": "graph"}, None),
        ({"preset": "microsoft-graph"}, {"transport": "acs"}, "smtp_host"),
        ({"preset": "microsoft-graph"}, {"transport": "smtp"}, "smtp_host"),
        ({"preset": "microsoft-graph"}, {"transport": None, "smtp_host": "mail.example.com"}, None),
        ({"preset": "microsoft-graph"}, {"smtp_host": "evil.example"}, "smtp_host"),
    ],
    ids=str,
)  # fmt: skip
def test_an_account_with_another_way_out_names_a_server_of_that_one(
    ask: Ask, before: dict[str, Any], change: dict[str, Any], refused: str | None
) -> None:
    host = {} if before else {"smtp_host": "mail.example.com"}
    ask("POST", name="A", email_address="a@example.com", **host, **before)

    answer = ask("PUT", "/1", **change)

    shown = ask("GET", "/1").json
    if refused is not None:
        assert (answer.status, fields(answer)) == (422, [refused])
    elif shown["transport"] == "smtp":
        assert (shown["smtp_port"], shown["use_tls"], shown["use_ssl"]) == (587, True, False)
    else:
        assert (shown["smtp_port"], shown["use_tls"], shown["use_ssl"]) == (443, False, True)
    assert shown["smtp_host"] != "evil.example"


def test_an_account_that_only_sql_knows_may_name_its_way_out(app: Application, ask: Ask) -> None:
    ask("POST", **LOCAL)
    write(app, Rowpost_Transport=" ACS ")
    acs = book(app).usable[0]
    write(app, Rowpost_Transport="sms")

    assert acs.transport == "acs"
    assert "may be one of smtp, acs, graph" in book(app).problems["LOCAL"]

"""Who may log in: made, replaced, changed, removed, checked, logged out."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared.configuration.secret_store import SecretStore
from shared.security.logins import (
    MOST_LOGINS,
    SECRET_NAME,
    GivenBySettings,
    LastAdmin,
    Logins,
    LoginTaken,
    NamedBy,
    TooManyLogins,
    UnknownLogin,
)
from shared.security.passwords import PasswordTooLong
from shared.security.roles import Role
from tests.security.conftest import QUICK
from tests.support.configuration import Clock, file_store, store_away
from tests.support.key_vault import KeyVault, vault_store


def test_the_first_admin_gets_a_password_that_is_told_once(logins: Logins) -> None:
    password = logins.ensure_first_admin(None, None)

    assert password
    assert len(password) >= 20
    admin = logins.check("admin", password)
    assert admin
    assert admin.role is Role.ADMIN
    assert logins.ensure_first_admin(None, None) is None
    assert logins.check("admin", password) == admin


def test_the_first_admin_is_who_the_settings_say(logins: Logins) -> None:
    assert logins.ensure_first_admin("root", "hush") is None

    assert logins.check("root", "hush")
    assert logins.find("admin") is None


def test_a_name_from_the_settings_gets_a_generated_password(logins: Logins) -> None:
    password = logins.ensure_first_admin("root", None)

    assert password
    assert logins.check("root", password)


def test_settings_that_say_the_same_end_no_session(store: SecretStore, logins: Logins) -> None:
    logins.ensure_first_admin("root", "hush")
    before = logins.find("root")

    Logins(store, QUICK).ensure_first_admin("root", "hush")

    assert Logins(store, QUICK).find("root") == before


def test_settings_that_say_something_else_win(logins: Logins) -> None:
    logins.ensure_first_admin("root", "hush")
    before = logins.find("root")

    logins.ensure_first_admin("root", "shush")

    after = logins.check("root", "shush")
    assert before
    assert after
    assert after.epoch > before.epoch
    assert logins.check("root", "hush") is None

    logins.ensure_first_admin("boss", "shush")
    assert logins.check("boss", "shush")
    assert logins.find("root") is None


def test_settings_that_say_the_same_do_not_undo_a_change(
    store: SecretStore, logins: Logins
) -> None:
    logins.ensure_first_admin("root", "hush")
    logins.change("root", "changed later")

    after_a_start = Logins(store, QUICK)
    after_a_start.ensure_first_admin("root", "hush")

    assert after_a_start.check("root", "changed later")
    assert after_a_start.check("root", "hush") is None

    after_a_start.ensure_first_admin("root", "forgotten, so another one is given")
    assert after_a_start.check("root", "forgotten, so another one is given")


def test_a_password_from_the_settings_replaces_a_generated_one(logins: Logins) -> None:
    generated = logins.ensure_first_admin(None, None)
    assert generated

    logins.ensure_first_admin(None, "hush")

    assert logins.check("admin", "hush")
    assert logins.check("admin", generated) is None


def test_instances_that_start_at_once_set_the_given_password_once(tmp_path: Path) -> None:
    instances = [Logins(file_store(tmp_path), QUICK) for _ in range(6)]

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda each: each.ensure_first_admin("root", "hush"), instances))

    admins = {each.find("root", max_age_seconds=0) for each in instances}
    assert len(admins) == 1
    assert instances[0].check("root", "hush")


def test_instances_that_start_at_once_make_one_admin(tmp_path: Path) -> None:
    instances = [Logins(file_store(tmp_path), QUICK) for _ in range(6)]

    with ThreadPoolExecutor(6) as pool:
        told = list(pool.map(lambda each: each.ensure_first_admin(None, None), instances))

    passwords = [password for password in told if password]
    assert len(passwords) == 1
    assert instances[0].check("admin", passwords[0])


@pytest.mark.parametrize(
    ("username", "password"),
    [("root", "wrong"), ("root", ""), ("Root", "hush"), ("nobody", "hush"), ("", ""),
     ("root", "hush" + "x" * 80), ("root", "\ud800"), ("\ud800", "hush"), ("root", "hush\x00")],
)  # fmt: skip
def test_a_wrong_name_or_password_is_nobody(logins: Logins, username: str, password: str) -> None:
    logins.ensure_first_admin("root", "hush")

    assert logins.check(username, password) is None


def test_an_unknown_user_takes_as_long_as_a_wrong_password(store: SecretStore) -> None:
    logins = Logins(store, cost=9)
    logins.ensure_first_admin("root", "hush")

    def shortest(username: str) -> float:
        def once() -> float:
            begin = time.thread_time()
            logins.check(username, "wrong")
            return time.thread_time() - begin

        return min(once() for _ in range(5))

    assert 0.6 < shortest("nobody") / shortest("root") < 1.6


def test_a_new_operator_takes_the_place_of_the_former_one(logins: Logins) -> None:
    logins.ensure_first_admin("root", "hush")
    logins.set_operator("olga", "one")

    logins.set_operator("otto", "two")

    operator = logins.check("otto", "two")
    assert operator
    assert operator.role is Role.OPERATOR
    assert logins.find("olga") is None
    assert logins.check("root", "hush")


def test_an_operator_who_comes_back_does_not_get_old_sessions_back(logins: Logins) -> None:
    before = logins.set_operator("olga", "one")
    logins.set_operator("otto", "two")

    assert logins.set_operator("olga", "one").epoch > before.epoch


def test_the_operator_cannot_take_the_admin_s_name(logins: Logins) -> None:
    logins.ensure_first_admin("root", "hush")

    with pytest.raises(LoginTaken):
        logins.set_operator("root", "mine")
    assert logins.check("root", "hush")


@pytest.mark.parametrize("name", ["Root", "ROOT", " root", "ro ot", "\uff52oot"])
def test_no_operator_has_a_name_that_looks_like_the_admin_s(logins: Logins, name: str) -> None:
    logins.ensure_first_admin("root", "hush")

    with pytest.raises(LoginTaken):
        logins.set_operator(name, "mine")


def test_a_new_password_ends_the_sessions(logins: Logins) -> None:
    before = logins.set_operator("olga", "one")

    after = logins.change("olga", "two")

    assert after.epoch == before.epoch + 1
    assert logins.check("olga", "two") == after
    assert logins.check("olga", "one") is None


def test_ending_sessions_leaves_the_password(logins: Logins) -> None:
    before = logins.set_operator("olga", "one")

    assert logins.end_sessions("olga").epoch == before.epoch + 1
    assert logins.check("olga", "one")


@pytest.fixture
def several(logins: Logins) -> Logins:
    """An admin and an operator whom the settings and the schedule name, and others beside them."""
    logins.ensure_first_admin("root", "hush")
    logins.set_operator("olga", "one")
    logins.add("anna", "two", Role.ADMIN)
    logins.add("otto", "three", Role.OPERATOR)
    logins.add("vera", "four", Role.VIEWER)
    return logins


def test_there_may_be_several_of_a_role(several: Logins) -> None:
    assert [(login.username, login.role, login.named_by) for login in several.everybody()] == [
        ("anna", Role.ADMIN, NamedBy.ADMIN),
        ("olga", Role.OPERATOR, NamedBy.SCHEDULE),
        ("otto", Role.OPERATOR, NamedBy.ADMIN),
        ("root", Role.ADMIN, NamedBy.SETTINGS),
        ("vera", Role.VIEWER, NamedBy.ADMIN),
    ]
    assert several.check("otto", "three")


def test_a_new_operator_of_the_schedule_leaves_the_others(several: Logins) -> None:
    several.set_operator("oleg", "five")

    named = several.operator()
    assert named
    assert named.username == "oleg"
    assert [login.username for login in several.everybody()] == [
        "anna", "oleg", "otto", "root", "vera"
    ]  # fmt: skip


def test_an_operator_of_this_name_becomes_the_schedule_s(several: Logins) -> None:
    before = several.find("otto")

    after = several.set_operator("otto", "five")

    assert before
    assert (after.named_by, after.epoch) == (NamedBy.SCHEDULE, before.epoch + 1)
    assert several.find("olga") is None
    assert several.check("otto", "five")


@pytest.mark.parametrize("name", ["vera", "Vera", "Otto", "anna"])
def test_the_schedule_takes_nobody_else_s_name(several: Logins, name: str) -> None:
    with pytest.raises(LoginTaken):
        several.set_operator(name, "mine")


def test_an_admin_from_the_settings_leaves_the_others(several: Logins) -> None:
    several.ensure_first_admin("boss", "shush")

    assert several.find("root") is None
    assert several.check("boss", "shush")
    assert several.check("anna", "two")


def test_another_role_of_the_settings_admin_outlasts_a_start(
    store: SecretStore, several: Logins
) -> None:
    several.change("root", role=Role.VIEWER)

    after_a_start = Logins(store, QUICK)
    after_a_start.ensure_first_admin("root", "hush")

    root = after_a_start.check("root", "hush")
    assert root
    assert root.role is Role.VIEWER


@pytest.mark.parametrize("name", ["vera", "VERA", " ve ra", "root", "\uff52oot"])
def test_nobody_is_added_whose_name_is_taken_or_looks_so(several: Logins, name: str) -> None:
    before = several.everybody()

    with pytest.raises(LoginTaken):
        several.add(name, "mine", Role.VIEWER)
    assert several.everybody() == before


def test_another_role_or_password_ends_the_sessions(several: Logins) -> None:
    before = several.find("vera")
    assert before

    promoted = several.change("vera", role=Role.OPERATOR)
    both = several.change("vera", "another", Role.VIEWER)
    neither = several.change("vera", role=Role.VIEWER)

    assert (promoted.role, promoted.epoch) == (Role.OPERATOR, before.epoch + 1)
    assert (both.role, both.epoch) == (Role.VIEWER, before.epoch + 2)
    assert neither == both
    assert several.check("vera", "another")
    assert several.check("vera", "four") is None


def test_whoever_is_no_operator_any_more_is_not_the_schedule_s(several: Logins) -> None:
    several.change("olga", role=Role.VIEWER)

    assert several.operator() is None
    several.set_operator("oleg", "five")
    assert several.check("olga", "one")


def test_who_is_removed_cannot_log_in_and_gets_no_old_session_back(several: Logins) -> None:
    before = several.find("vera")
    several.remove("vera")

    assert several.check("vera", "four") is None
    assert before
    assert several.add("vera", "four", Role.VIEWER).epoch > before.epoch


def test_the_last_admin_stays_one(several: Logins) -> None:
    several.change("anna", role=Role.OPERATOR)

    with pytest.raises(LastAdmin):
        several.remove("root")
    with pytest.raises(LastAdmin):
        several.change("root", role=Role.VIEWER)
    assert several.check("root", "hush")


def test_of_two_admins_who_remove_each_other_at_once_one_stays(
    several: Logins, elsewhere: Logins
) -> None:
    several.add("bert", "two", Role.ADMIN)
    several.change("root", role=Role.VIEWER)

    def try_to_remove(logins: Logins, name: str) -> bool:
        try:
            logins.remove(name)
        except LastAdmin:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(try_to_remove, (several, elsewhere), ("anna", "bert")))

    assert sorted(done) == [False, True]


def test_whom_the_settings_would_bring_back_is_not_removed(
    store: SecretStore, several: Logins
) -> None:
    with pytest.raises(GivenBySettings, match="ROWPOST_ADMIN_PASSWORD"):
        several.remove("root")

    without_settings = Logins(store, QUICK)
    without_settings.remove("root")
    assert without_settings.find("root") is None


def test_there_is_an_end_to_how_many_there_are(store: SecretStore) -> None:
    many = [
        {"username": f"user{n}", "role": "viewer", "password_hash": "none", "epoch": 1}
        for n in range(MOST_LOGINS)
    ]
    store.update(SECRET_NAME, lambda _: json.dumps(many))
    logins = Logins(store, QUICK)

    with pytest.raises(TooManyLogins):
        logins.add("one more", "mine", Role.VIEWER)
    logins.remove("user7")
    logins.add("one more", "mine", Role.VIEWER)
    assert len(logins.everybody()) == MOST_LOGINS


def test_nobody_s_sessions_cannot_end(logins: Logins) -> None:
    with pytest.raises(UnknownLogin):
        logins.end_sessions("nobody")
    with pytest.raises(UnknownLogin):
        logins.change("nobody", "x")
    with pytest.raises(UnknownLogin):
        logins.remove("nobody")


def test_a_password_that_is_too_long_changes_nothing(logins: Logins) -> None:
    logins.set_operator("olga", "one")

    with pytest.raises(PasswordTooLong):
        logins.change("olga", "x" * 73)
    assert logins.check("olga", "one")


def test_another_instance_s_change_counts_within_30_seconds(
    logins: Logins, elsewhere: Logins, clock: Clock
) -> None:
    assert logins.find("olga") is None
    elsewhere.set_operator("olga", "one")

    clock.advance(30)

    assert logins.find("olga")


def test_a_new_password_is_good_at_once_on_every_instance(
    logins: Logins, elsewhere: Logins, clock: Clock
) -> None:
    logins.set_operator("olga", "one")
    assert elsewhere.check("olga", "one")
    logins.change("olga", "two")

    clock.advance(2)

    assert elsewhere.check("olga", "two")
    assert elsewhere.check("olga", "one") is None


def test_wrong_passwords_do_not_make_many_requests_to_the_store(
    key_vault: KeyVault, clock: Clock
) -> None:
    logins = Logins(vault_store(), QUICK, clock=clock)
    logins.set_operator("olga", "one")
    key_vault.asked.clear()

    for second in range(10):
        clock.advance(1)
        assert logins.check("olga", f"guess {second}") is None
        assert logins.check("nobody", f"guess {second}") is None
        assert logins.check("olga", "one")

    assert len(key_vault.asked) == 5


def test_logging_in_works_while_the_store_is_away(
    tmp_path: Path, logins: Logins, clock: Clock
) -> None:
    logins.set_operator("olga", "one")

    with store_away(tmp_path):
        clock.advance(3600)
        assert logins.check("olga", "one")


def test_a_login_does_not_show_its_hash(logins: Logins) -> None:
    login = logins.set_operator("olga", "one")

    assert login.password_hash not in repr(login)

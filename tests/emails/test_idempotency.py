"""The same request twice: one email, one answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import literal, select, update

from shared.api.idempotency import Once
from shared.app import Application
from shared.database.columns.times import utc_now
from shared.database.database import Database
from shared.database.tables import idempotency
from shared.security.roles import Role
from shared.submissions.kept_answers import forget_old_answers
from tests.emails.conftest import Api, caller, email
from tests.support.api import Client, Reply
from tests.support.emails import states
from tests.support.standalone import Launch, Standalone

KEY = "order-4711"


def post(api: Api, key: str | None = KEY, **fields: Any) -> Reply:
    headers = {} if key is None else {"idempotency-key": key}
    return api.post("/api/emails", email(**fields), headers=headers)


def age(database: Database, seconds: float) -> None:
    with database.write() as connection:
        connection.execute(update(idempotency).values(CreatedAt=utc_now(literal(-seconds))))


def test_the_same_again_gets_the_first_answer_and_says_so(api: Api, queue: Database) -> None:
    first, second = post(api), post(api)

    assert (first.status, second.status) == (202, 202)
    assert first.json == second.json
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert states(queue) == "N"


def test_the_order_of_the_names_does_not_matter_and_defaults_may_be_said(
    api: Api, queue: Database
) -> None:
    first = post(api, headers={"X-A": "1", "X-B": "2"})
    second = post(api, headers={"X-B": "2", "X-A": "1"}, priority=3, cc=[])

    assert first.json == second.json
    assert states(queue) == "N"


def test_other_content_is_refused(api: Api, queue: Database) -> None:
    post(api)

    reply = post(api, subject="Another")

    assert (reply.status, reply.json["code"]) == (422, "idempotency_key_reused")
    assert reply.json["errors"][0]["field"] == "Idempotency-Key"
    assert states(queue) == "N"


def test_without_a_key_and_with_another_key_each_request_is_one_of_its_own(
    api: Api, queue: Database
) -> None:
    for key in (None, None, "a", "A"):
        assert post(api, key).status == 202

    assert states(queue) == "NNNN"


def test_keys_of_two_callers_are_two_keys(
    api: Api, app: Application, client: Client, queue: Database
) -> None:
    shop = caller(app, client, "shop", Role.SERVICE)

    assert post(api).json != post(shop, subject="Of the shop").json
    assert states(queue) == "NN"


def test_a_request_that_was_refused_leaves_its_key_free(api: Api, queue: Database) -> None:
    assert post(api, recipients=["nobody"]).status == 422
    assert post(api, smtp_config_id=99).status == 422

    assert post(api).status == 202
    assert states(queue) == "N"


@pytest.mark.parametrize("key", ["", "   ", "k" * 256])
def test_a_key_has_1_to_255_characters(api: Api, queue: Database, key: str) -> None:
    reply = post(api, key)

    assert (reply.status, reply.json["code"]) == (422, "validation_failed")
    assert states(queue) == ""


def test_a_key_of_255_characters_of_any_kind_is_one(api: Api) -> None:
    assert post(api, "ключ-🔑" * 36 + "abc").status == 202


def test_while_the_first_is_at_work_the_second_is_told_to_wait(api: Api, queue: Database) -> None:
    post(api)
    with queue.write() as connection:
        connection.execute(update(idempotency).values(Status=None, Answer=None))

    reply = post(api)

    assert (reply.status, reply.json["code"]) == (409, "request_in_progress")
    assert reply.headers["Retry-After"] == "1"


def test_a_request_may_be_begun_and_answered_later(api: Api, queue: Database) -> None:
    from functions.emails import EmailStored

    post(api)
    with queue.write() as connection:
        id, digest = connection.execute(select(idempotency.c.Id, idempotency.c.Digest)).one()
        once = Once(id, digest)
        once.complete(connection, EmailStored(email_id=77))

    assert post(api).json["email_id"] == 77


def test_after_a_day_the_key_is_free_again(api: Api, queue: Database) -> None:
    post(api)
    age(queue, 24 * 3600 + 1)

    assert "Idempotency-Replayed" not in post(api, subject="Another").headers
    assert states(queue) == "NN"


def test_old_answers_are_removed_and_young_ones_stay(api: Api, queue: Database) -> None:
    post(api, "old")
    age(queue, 24 * 3600 + 1)
    post(api, "young")

    with queue.write() as connection:
        assert forget_old_answers(connection) == 1
        assert forget_old_answers(connection) == 0
    assert post(api, "young").headers["Idempotency-Replayed"] == "true"


def test_a_hundred_at_once_make_one_email_and_a_kill_changes_nothing(standalone: Launch) -> None:
    service = standalone(ROWPOST_CATCHER_PORT="off")
    send = keyed(service)

    with ThreadPoolExecutor(100) as pool:
        replies = list(pool.map(lambda _: send(), range(100)))
    service.kill()
    service = standalone(ROWPOST_CATCHER_PORT="off")
    again = keyed(service)()

    assert {status for status, _ in replies} <= {202, 409}
    assert {number for status, number in replies if status == 202} == {1}
    assert again == (202, 1)
    assert len(service.get("/api/emails", token=service.login()).json["items"]) == 1


def keyed(service: Standalone) -> Any:
    token = service.login()

    def send() -> tuple[int, int | None]:
        answer = service.request(
            "POST", "/api/emails", email(), token=token, headers={"Idempotency-Key": KEY}
        )
        return answer.status, answer.json.get("email_id")

    return send

"""What the endpoint decorator promises to every endpoint, shown on a few small ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import Field, field_validator
from sqlalchemy.exc import OperationalError

from shared.api.admission import Who
from shared.api.endpoint import Request, Routes, function_name
from shared.api.errors import ApiError
from shared.api.models import Answer, File, Input, QueryNumber, Timestamp
from shared.database.adoption.server_options import DelayedDurabilityForced
from shared.database.errors import CommitUncertain, DatabaseUnreachable
from tests.support.api import Client, Reply
from tests.support.log_lines import LogLines

routes = Routes()


class Letter(Input):
    subject: Annotated[str, Field(max_length=10)] = "none"
    send_at: datetime | None = None
    recipients: tuple[Annotated[str, Field(pattern="@")], ...] = ()
    copies: int = 1
    colour: bool | Annotated[str, Field(pattern=r"^[^\x00-\x1f]*$")] = False

    @field_validator("colour")
    @classmethod
    def _is_printable(cls, colour: bool | str) -> bool | str:
        if colour == "ultraviolet":
            raise ValueError("Choose a colour that can be seen.")
        return colour


class Page(Input):
    limit: Annotated[QueryNumber, Field(ge=1, le=100)] = 20


class Stored(Answer):
    http_status: ClassVar[int] = 202

    subject: str
    copies: int
    stored_at: Timestamp


class Seen(Answer):
    limit: int
    letter: str
    address: str


class Nothing(Answer):
    success: Literal[True] = True


FIVE = datetime(2026, 11, 21, 5, 0, tzinfo=timezone(timedelta(hours=5)))
FAILURES = {
    "unforeseen": RuntimeError("password=hunter2 at db.example.com"),
    "unreachable": DatabaseUnreachable("db.example.com refuses"),
    "uncertain": CommitUncertain("SELECT 1"),
    "forgetful": DelayedDurabilityForced("DELAYED_DURABILITY is FORCED."),
    "locked": OperationalError("SELECT secret", {}, Exception("database is locked")),
    "broken": OperationalError("SELECT secret", {}, Exception("no such column")),
    "refused": ApiError(409, "taken", "Choose another.", headers={"X-Why": "taken"}),
}


@routes.post("letters", who=Who.ANYONE)
def store(request: Request[Letter]) -> Stored:
    """Store a letter.

    Not part of the summary.
    """
    stored = Stored(subject=request.body.subject, copies=request.body.copies, stored_at=FIVE)
    return stored.with_headers({"Location": "/letters/7"})


@routes.post("letters/{id:int}/small", who=Who.ANYONE, body_limit=20)
def store_small(request: Request[Letter]) -> Nothing:
    """Store a very small letter."""
    return Nothing()


@routes.get("letters/{id:int}", who=Who.ANYONE)
def show(request: Request[None, Page]) -> Seen:
    """Show a letter."""
    return Seen(
        limit=request.query.limit, letter=request.path["id"], address=request.caller.address
    )


@routes.delete("letters/{id:int}", who=Who.ANYONE)
def burn(request: Request) -> Nothing:
    """Burn a letter."""
    return Nothing()


@routes.post("letters/{id:int}/fold", who=Who.ANYONE)
def fold(request: Request) -> Nothing:
    """Fold a letter."""
    return Nothing()


@routes.post("fail/{how}", who=Who.ANYONE)
def fail(request: Request) -> Nothing:
    """Fail in one of several ways."""
    raise FAILURES[request.path["how"]]


@routes.post("guarded", who=Who.ANY_LOGIN)
def guarded(request: Request[Letter]) -> Nothing:
    """Ask for a login."""
    return Nothing()


@pytest.fixture(scope="module")
def client() -> Client:
    return Client(routes.blueprint)


def error_of(reply: Reply, status: int, code: str) -> Any:
    """The error body, after a look at what every error has."""
    assert reply.status == status
    body = reply.json
    assert set(body) == {"success", "code", "message", "errors", "requestId"}
    assert body["success"] is False
    assert body["code"] == code
    assert body["message"].endswith(".")
    assert body["requestId"] == reply.headers["X-Request-Id"]
    return body


class TestAnswers:
    def test_an_answer_has_its_own_status_and_headers_and_camel_case_names(
        self, client: Client
    ) -> None:
        reply = client.post("letters", {"subject": "hello", "copies": 2})

        assert reply.status == 202
        assert reply.json == {
            "subject": "hello",
            "copies": 2,
            "storedAt": "2026-11-21T00:00:00.000Z",
        }
        assert reply.headers["Location"] == "/letters/7"
        assert reply.headers["Cache-Control"] == "no-store"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"

    def test_text_of_a_row_that_is_not_unicode_goes_out_all_the_same(self, client: Client) -> None:
        reply = client.get(
            "letters/7", route="letters/{id:int}", route_params={"id": "lone \udc80"}
        )

        assert reply.json["letter"] == "lone \udc80"

    def test_no_answer_inherits_the_headers_of_another(self, client: Client) -> None:
        client.post("letters", {})

        assert (
            "Location"
            not in client.get(
                "letters/7", route="letters/{id:int}", route_params={"id": "7"}
            ).headers
        )

    def test_each_request_has_an_id_of_its_own(self, client: Client) -> None:
        first, second = client.post("letters"), client.post("letters")

        assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]

    def test_path_and_query_arrive_checked(self, client: Client) -> None:
        reply = client.get(
            "letters/7",
            route="letters/{id:int}",
            route_params={"id": "7"},
            query={"limit": "5", "unknown": "x"},
        )

        assert reply.json == {"limit": 5, "letter": "7", "address": "192.0.2.10"}

    @pytest.mark.parametrize(
        "limit", ["0", "101", "five", "5,6", "1e99", "٥٥٥", "1_0", "1e1", "NaN", "9" * 5000]
    )
    def test_a_wrong_query_value_is_named(self, client: Client, limit: str) -> None:
        reply = client.get("letters/7", route="letters/{id:int}", query={"limit": limit})

        assert error_of(reply, 422, "validation_failed")["errors"][0]["field"] == "limit"


class TestMethods:
    @pytest.mark.parametrize("method", ["PUT", "PATCH", "TRACE", "QUERY", "get-all"])
    def test_another_method_is_405_and_says_which_are_allowed(
        self, client: Client, method: str
    ) -> None:
        reply = client.request(method, "letters/7", route="letters/{id:int}")

        error_of(reply, 405, "method_not_allowed")
        assert reply.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS"

    def test_a_wrong_method_comes_before_a_missing_login(self, client: Client) -> None:
        error_of(client.get("guarded"), 405, "method_not_allowed")

    def test_head_is_answered_as_get(self, client: Client) -> None:
        head = client.request(
            "HEAD", "letters/7", route="letters/{id:int}", route_params={"id": "7"}
        )

        assert head.status == 200

    def test_head_of_a_path_without_get_is_405(self, client: Client) -> None:
        reply = client.request("HEAD", "letters")

        assert reply.status == 405
        assert reply.headers["Allow"] == "OPTIONS, POST"

    def test_options_says_what_is_allowed(self, client: Client) -> None:
        reply = client.request("OPTIONS", "letters")

        assert (reply.status, reply.body) == (204, b"")
        assert reply.headers["Allow"] == "OPTIONS, POST"


class TestBodies:
    @pytest.mark.parametrize("body", [b"", b"  \r\n", b"{}"])
    def test_no_body_counts_as_an_empty_object(self, client: Client, body: bytes) -> None:
        assert client.post("letters", body).json["subject"] == "none"

    @pytest.mark.parametrize(
        "body",
        [
            b"{",
            b"{]",
            b"{'subject': 1}",
            b'{"subject": "a",}',
            b'{"subject": NaN}',
            b'{"copies": Infinity}',
            b'{"subject": "a", "subject": "b"}',
            b'{"subject": "\\ud800"}',
            b'{"subject": "\xed\xa0\x80"}',
            b'{"subject": "\xff"}',
            b'{"subject": "\x00"}',
            b'{"copies": 1} {}',
            b'{"copies": ' + b"1" * 5000 + b"}",
            '{"subject": "ä"}'.encode("utf-16"),
            b"\x00\x01\x02",
            b"[" * 900,
            b'{"a":' * 500 + b"1" + b"}" * 500,
        ],
        ids=lambda body: repr(body[:24]),
    )
    def test_what_is_not_json_is_400(self, client: Client, body: bytes) -> None:
        error_of(client.post("letters", body), 400, "malformed_json")

    @pytest.mark.parametrize("body", [b"[]", b'"text"', b"7", b"null", b"true"])
    def test_json_that_is_no_object_is_400(self, client: Client, body: bytes) -> None:
        assert "object" in error_of(client.post("letters", body), 400, "malformed_json")["message"]

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"subject": 7}, "subject"),
            ({"subject": None}, "subject"),
            ({"subject": "much too long"}, "subject"),
            ({"sendAt": "tomorrow"}, "sendAt"),
            ({"recipients": "a@example.com"}, "recipients"),
            ({"recipients": ["a@example.com", "nobody"]}, "recipients[1]"),
            ({"recipients": [["a@example.com"]]}, "recipients[0]"),
            ({"copies": 1.5}, "copies"),
            ({"copies": 1e400}, "copies"),
            ({"copies": {"$gt": 0}}, "copies"),
            ({"copies": "2"}, "copies"),
            ({"copies": True}, "copies"),
        ],
        ids=str,
    )
    def test_a_wrong_value_is_422_and_named_as_the_caller_named_it(
        self, client: Client, body: dict[str, Any], field: str
    ) -> None:
        reply = client.post("letters", json.dumps(body).replace("Infinity", "1e400").encode())

        errors = error_of(reply, 422, "validation_failed")["errors"]
        assert [error["field"] for error in errors] == [field]
        assert errors[0]["message"]

    @pytest.mark.parametrize("copies", ["5", "5.0", "0.5e1"])
    def test_a_whole_number_may_be_written_in_any_way(self, client: Client, copies: str) -> None:
        body = f'{{"copies": {copies}, "sendAt": "2026-11-21T10:00:00Z"}}'.encode()

        assert client.post("letters", body).json["copies"] == 5

    def test_every_wrong_field_is_told_up_to_a_bound(self, client: Client) -> None:
        few = client.post("letters", {"subject": 1, "copies": "x"})
        many = client.post("letters", {"recipients": ["x"] * 900})

        assert [error["field"] for error in few.json["errors"]] == ["subject", "copies"]
        assert len(many.json["errors"]) == 50

    def test_a_wrong_value_is_not_repeated_in_the_answer(self, client: Client) -> None:
        reply = client.post("letters", {"subject": "hunter2hunter2"})

        assert b"hunter2" not in reply.body

    @pytest.mark.parametrize(
        ("field", "meant"),
        [
            ("send_at", "sendAt"),
            ("scheduledAt", "sendAt"),
            ("recipient", "recipients"),
            ("Subject", "subject"),
        ],
    )
    def test_an_unknown_field_is_refused_with_the_one_that_was_meant(
        self, client: Client, field: str, meant: str
    ) -> None:
        errors = error_of(client.post("letters", {field: "x"}), 422, "unknown_field")["errors"]

        assert [error["field"] for error in errors] == [field]
        assert f"did you mean {meant}?" in errors[0]["message"]

    def test_an_unknown_field_like_no_other_is_told_which_are_known(self, client: Client) -> None:
        errors = error_of(client.post("letters", {"weather": "red"}), 422, "unknown_field")[
            "errors"
        ]

        assert "Known are: colour, copies, recipients, sendAt, subject." in errors[0]["message"]

    @pytest.mark.parametrize(
        ("colour", "message"),
        [
            (5, "Input should be a valid boolean, or: Input should be a valid string"),
            ({"red": 5}, "Input should be a valid boolean, or: Input should be a valid string"),
            ("a\nb", "Input should be a valid boolean, or: Give text without control characters"),
            ("ultraviolet", "Choose a colour that can be seen."),
        ],
    )
    def test_one_error_tells_all_that_a_field_could_have_been(
        self, client: Client, colour: Any, message: str
    ) -> None:
        reply = client.post("letters", {"colour": colour})

        [error] = error_of(reply, 422, "validation_failed")["errors"]
        assert error["field"] == "colour"
        assert error["message"].startswith(message)

    def test_a_field_where_none_is_asked_for_is_refused(self, client: Client) -> None:
        fold = partial(client.post, "letters/7/fold", route="letters/{id:int}/fold")

        refused = fold({"send_at": "2026-11-21T10:00:00Z"})

        assert error_of(refused, 422, "unknown_field")["errors"][0]["field"] == "send_at"
        assert [fold(body).status for body in (b"", b"{}")] == [200, 200]

    def test_a_form_where_nothing_is_asked_for_is_let_pass(self, client: Client) -> None:
        reply = client.post(
            "letters/7/fold",
            b"List-Unsubscribe=One-Click",
            headers={"content-type": "application/x-www-form-urlencoded"},
            route="letters/{id:int}/fold",
        )

        assert reply.status == 200

    @pytest.mark.parametrize("values", [1_001, 50_000])
    def test_a_body_of_anyone_holds_a_thousand_values(self, client: Client, values: int) -> None:
        body = b'{"recipients": [' + b",".join([b"1"] * values) + b"]}"

        code = "too_many_values" if values < 32_000 else "body_too_large"
        error_of(client.post("letters", body), 413, code)

    def test_what_a_text_says_is_no_structure(self, client: Client) -> None:
        text = 'x, {"a": [1, 2]}, ' * 1_000 + '\\" \\'

        reply = client.post("letters", {"subject": text})

        assert error_of(reply, 422, "validation_failed")["errors"][0]["field"] == "subject"

    @pytest.mark.parametrize("body", [b'{"a": {"b": 1, "b": 2}}', b'{"a:": 1, "a:": 2}'])
    def test_a_name_given_twice_is_found_whatever_is_in_it(
        self, client: Client, body: bytes
    ) -> None:
        reply = client.post("letters", body)

        assert "twice" in error_of(reply, 400, "malformed_json")["message"]

    @pytest.mark.parametrize("subject", ["\x00", "\u202e\ufffe", "😀" * 10, "\r\nBcc: x"])
    def test_strange_text_goes_through_unharmed(self, client: Client, subject: str) -> None:
        assert client.post("letters", {"subject": subject}).json["subject"] == subject

    @pytest.mark.parametrize(
        "content_type",
        ["application/json", "APPLICATION/JSON; charset=utf-8", "application/problem+json", ""],
    )
    def test_json_may_come_under_its_names_or_none(self, client: Client, content_type: str) -> None:
        headers = {"content-type": content_type}

        assert client.post("letters", {"subject": "a"}, headers=headers).status == 202

    @pytest.mark.parametrize(
        "headers",
        [
            {"content-type": "text/plain"},
            {"content-type": "application/x-www-form-urlencoded"},
            {"content-type": "application/jsonp"},
            {"content-type": "image/svg+json"},
            {"content-type": "text/plain, application/json"},
            {"content-type": "\x00"},
            {"content-encoding": "gzip"},
        ],
        ids=str,
    )
    def test_another_media_type_is_415(self, client: Client, headers: dict[str, str]) -> None:
        reply = client.post("letters", {"subject": "a"}, headers=headers)

        error_of(reply, 415, "unsupported_media_type")

    def test_a_chunked_body_is_411(self, client: Client) -> None:
        reply = client.post("letters", headers={"transfer-encoding": "gzip, Chunked"})

        error_of(reply, 411, "length_required")

    def test_a_body_of_anyone_above_64_kilobytes_is_413(self, client: Client) -> None:
        assert client.post("letters", b" " * 64 * 1024).status == 202
        reply = client.post("letters", b" " * (64 * 1024 + 1))
        error_of(reply, 413, "body_too_large")

    def test_an_endpoint_may_have_its_own_limit(self, client: Client) -> None:
        reply = client.post(
            "letters/7/small", {"subject": "longer than 20"}, route="letters/{id:int}/small"
        )

        assert "20" in error_of(reply, 413, "body_too_large")["message"]

    def test_an_announced_length_counts_too(self, client: Client) -> None:
        for length in ("65537", "9" * 19):
            reply = client.post("letters", headers={"content-length": length})
            error_of(reply, 413, "body_too_large")

    def test_a_body_that_was_announced_and_never_read_is_not_taken_for_an_empty_one(
        self, client: Client
    ) -> None:
        reply = client.post("letters", headers={"content-length": "100"})

        error_of(reply, 503, "body_not_read")

    @pytest.mark.parametrize("length", ["-1", "x", "9" * 5000, "١٢٣", ""])
    def test_a_senseless_length_does_no_harm(self, client: Client, length: str) -> None:
        assert client.post("letters", headers={"content-length": length}).status == 202

    def test_the_size_is_looked_at_before_the_content(self, client: Client) -> None:
        body = b"[" * (64 * 1024 + 1)

        assert client.post("letters", body, headers={"content-type": "text/plain"}).status == 413

    def test_a_missing_login_is_told_before_a_wrong_body(self, client: Client) -> None:
        reply = client.post("guarded", b"{", headers={"transfer-encoding": "chunked"})

        error_of(reply, 401, "authentication_required")
        assert reply.headers["WWW-Authenticate"] == 'Bearer realm="rowpost"'


class TestFailures:
    def fail(self, client: Client, how: str) -> Reply:
        return client.post(f"fail/{how}", route="fail/{how}", route_params={"how": how})

    def test_what_was_not_foreseen_is_500_and_only_the_log_knows_why(
        self, client: Client, log_lines: LogLines
    ) -> None:
        reply = self.fail(client, "unforeseen")

        body = error_of(reply, 500, "internal_error")
        assert b"hunter2" not in reply.body
        assert b"example.com" not in reply.body
        line = next(line for line in log_lines() if line["level"] == "error")
        assert line["requestId"] == body["requestId"]
        assert "RuntimeError" in line["exception"]
        assert "hunter2" not in line["exception"]

    @pytest.mark.parametrize(
        ("how", "code"),
        [
            ("unreachable", "database_unreachable"),
            ("locked", "database_unreachable"),
            ("forgetful", "database_unreachable"),
            ("uncertain", "outcome_unknown"),
        ],
    )
    def test_a_database_that_is_away_is_503_without_its_name(
        self, client: Client, how: str, code: str
    ) -> None:
        reply = self.fail(client, how)

        error_of(reply, 503, code)
        assert int(reply.headers["Retry-After"]) > 0
        assert b"example.com" not in reply.body
        assert b"SELECT" not in reply.body

    def test_a_mistake_of_ours_in_sql_is_500_without_the_sql(self, client: Client) -> None:
        reply = self.fail(client, "broken")

        error_of(reply, 500, "internal_error")
        assert b"SELECT" not in reply.body

    def test_an_api_error_is_answered_as_it_was_raised(self, client: Client) -> None:
        reply = self.fail(client, "refused")

        assert error_of(reply, 409, "taken")["message"] == "Choose another."
        assert reply.headers["X-Why"] == "taken"

    def test_a_refusal_is_no_error_in_the_log(self, client: Client, log_lines: LogLines) -> None:
        reply = self.fail(client, "refused")

        (line,) = log_lines()
        assert line["level"] == "info"
        assert (line["method"], line["route"], line["status"]) == ("POST", "fail/{how}", 409)
        assert line["durationMs"] >= 0
        assert line["requestId"] == reply.json["requestId"]


class TestDeclarations:
    def test_a_declaration_holds_what_a_description_of_the_api_needs(self) -> None:
        operation = routes.operations[0]

        assert (operation.method, operation.path, operation.who) == ("POST", "letters", Who.ANYONE)
        assert operation.body is Letter
        assert operation.query is None
        assert operation.answers == {202: (Stored,)}
        assert operation.summary == "Store a letter."

    @pytest.mark.parametrize(
        ("path", "name"),
        [
            ("health", "health"),
            ("api/service-control", "api_service_control"),
            ("api/emails/{id:int}/cancel", "api_emails_z_cancel"),
            ("email-status/{request_id:guid}", "email_status_z"),
        ],
    )
    def test_a_function_is_named_after_its_path(self, path: str, name: str) -> None:
        assert function_name(path) == name

    def test_a_literal_word_comes_before_a_parameter(self) -> None:
        paths = ["api/emails/{id}", "api/emails/status/{status}", "api/emails/batch"]

        assert max(paths, key=function_name) == "api/emails/{id}"

    def test_times_are_written_in_utc(self) -> None:
        stored = Stored(subject="", copies=1, stored_at=datetime(2026, 1, 2, tzinfo=UTC))

        assert '"storedAt":"2026-01-02T00:00:00.000Z"' in stored.model_dump_json(by_alias=True)


def test_a_file_whose_name_is_half_a_surrogate_pair_is_saved_under_another() -> None:
    file = File(content=b"", content_type="text/plain").saved_as('a\udce4" \r\n.txt')

    assert file.http_headers["Content-Disposition"] == (
        "attachment; filename*=UTF-8''a%3F%22%20%0D%0A.txt"
    )

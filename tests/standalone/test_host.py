"""The host with a small app of its own: what a caller, a timer and a queue see."""

from __future__ import annotations

import asyncio
import http.client
import json
import queue
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import azure.functions as func
import pytest

from shared.api.errors import ApiError
from standalone.host import Host, HostOptions
from standalone.host_json import Cors, HostJson
from standalone.http import Door
from standalone.index import CannotIndex, index
from standalone.port import PortTaken, listen

LIMIT = 1024 * 1024
WAIT = 10


def require_admin(headers: Mapping[str, str]) -> None:
    if headers.get("authorization") != "Bearer admin":
        raise ApiError(401, "authentication_required", "Log in.")


@dataclass
class Seen:
    """What the app's functions were given."""

    ticks: queue.Queue[func.TimerRequest] = field(default_factory=queue.Queue)
    messages: queue.Queue[func.QueueMessage] = field(default_factory=queue.Queue)
    entered: threading.Event = field(default_factory=threading.Event)
    leave: threading.Event = field(default_factory=threading.Event)


def build_app(seen: Seen) -> func.FunctionApp:
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    blueprint = func.Blueprint()

    @app.function_name("echo")
    @app.route("echo/{id:int?}")
    def echo(req: func.HttpRequest) -> func.HttpResponse:
        described = {
            "method": req.method,
            "headers": dict(req.headers),
            "params": dict(req.params),
            "values": dict(req.route_params),
            "length": len(req.get_body()),
            "thread": threading.current_thread().name,
        }
        return func.HttpResponse(json.dumps(described), mimetype="application/json")

    @app.function_name("answers")
    @app.route("answers/{kind}")
    def answers(req: func.HttpRequest) -> func.HttpResponse:
        match req.route_params["kind"]:
            case "cookies":
                response = func.HttpResponse("é", status_code=201)
                response.headers.add("Set-Cookie", "a=1")
                response.headers.add("Set-Cookie", "b=2")
                response.headers.add("X-Twice", "first")
                response.headers.add("X-Twice", "last")
                return response
            case "wrong":
                return "text"  # type: ignore[return-value]
            case "empty":
                return func.HttpResponse(status_code=204)
        raise ValueError("secret words")

    @blueprint.function_name("later")
    @blueprint.route("later", methods=["POST"])
    async def later(req: func.HttpRequest) -> func.HttpResponse:
        await asyncio.sleep(0)
        return func.HttpResponse(threading.current_thread().name)

    @blueprint.function_name("waits")
    @blueprint.route("waits")
    def waits(req: func.HttpRequest) -> func.HttpResponse:
        seen.entered.set()
        seen.leave.wait(WAIT)
        return func.HttpResponse("done")

    @blueprint.function_name("every_second")
    @blueprint.timer_trigger(arg_name="timer", schedule="%TICKS%")
    def every_second(timer: func.TimerRequest) -> None:
        seen.ticks.put(timer)
        raise ValueError("a tick that fails is not the last one")

    @blueprint.function_name("take")
    @blueprint.queue_trigger(arg_name="message", queue_name="work", connection="Storage")
    def take(message: func.QueueMessage) -> None:
        seen.messages.put(message)
        if message.get_body() == b"bad":
            raise ValueError("a bad message")

    app.register_functions(blueprint)
    return app


@dataclass
class Running:
    host: Host
    seen: Seen
    messages: queue.Queue[str]
    stop: threading.Event

    def request(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = self.connect()
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()

    def echo(self, path: str, **arguments: Any) -> dict[str, Any]:
        method = arguments.pop("method", "GET")
        response, body = self.request(method, path, **arguments)
        assert response.status == 200
        return dict(json.loads(body))

    def connect(self) -> http.client.HTTPConnection:
        address, _, port = self.host.url.removeprefix("http://").partition(":")
        return http.client.HTTPConnection(address, int(port), timeout=WAIT)


Launch = Callable[..., Running]


@pytest.fixture
def launch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Launch]:
    monkeypatch.setenv("TICKS", "0 0 0 1 1 *")
    started: list[Running] = []

    def launch(**options: Any) -> Running:
        seen, messages, stop = Seen(), queue.Queue[str](), threading.Event()

        def next_body(timeout: float) -> str | None:
            try:
                return messages.get(timeout=timeout)
            except queue.Empty:
                return None

        plain = HostOptions(
            require_admin=require_admin,
            port=0,
            host_json=HostJson.model_validate({"extensions": {"http": {"routePrefix": ""}}}),
            in_process={"work": next_body},
            body_limit=LIMIT,
            threads=4,
        )
        host = Host(index(build_app(seen)), replace(plain, **options), stop)
        host.start()
        started.append(Running(host, seen, messages, stop))
        return started[-1]

    yield launch
    for running in started:
        running.seen.leave.set()
        running.host.stop(WAIT)


@pytest.fixture
def running(launch: Launch) -> Running:
    return launch()


def test_headers_arrive_lower_cased_and_repeated_ones_joined(running: Running) -> None:
    connection = running.connect()
    connection.putrequest("GET", "/echo")
    connection.putheader("X-Colour", "red")
    connection.putheader("x-colour", "blue")
    connection.putheader("X-ROWPOST-PEER", "203.0.113.9")
    connection.endheaders()
    headers = json.loads(connection.getresponse().read())["headers"]
    connection.close()

    assert headers["x-colour"] == "red,blue"
    assert headers["x-rowpost-peer"] == "127.0.0.1"
    assert all(name == name.lower() for name in headers)


def test_repeated_query_values_are_joined_and_empty_ones_dropped(running: Running) -> None:
    params = running.echo("/echo?a=1&A=2&b=&c&d=x%20y+z&a=&e=%C3%A9")["params"]
    assert params == {"a": "1,2", "d": "x y z", "e": "é"}


def test_route_values_are_text_and_a_missing_optional_one_is_absent(running: Running) -> None:
    assert running.echo("/Echo/7/")["values"] == {"id": "7"}
    assert running.echo("/echo")["values"] == {}


@pytest.mark.parametrize("end", ["%0A", "%3Fa=b", "%23a", "/%0A", "/%09"])
def test_a_path_is_taken_as_it_is(running: Running, end: str) -> None:
    response, body = running.request("GET", f"/waits{end}")

    assert (response.status, body) == (404, b"")


def test_an_unknown_path_and_a_wrong_method_are_404_without_a_body(running: Running) -> None:
    for method, path in [("GET", "/nothing"), ("GET", "/later"), ("GET", "/echo/x"), ("GET", "/")]:
        response, body = running.request(method, path)
        assert (response.status, body) == (404, b"")


def test_a_body_arrives_with_its_length(running: Running) -> None:
    assert running.echo("/echo", method="POST", body=b"x" * LIMIT)["length"] == LIMIT


def test_a_chunked_body_arrives_empty(running: Running) -> None:
    echoed = running.echo("/echo", method="POST", body=iter([b"one", b"two"]))
    assert echoed["headers"]["transfer-encoding"] == "chunked"
    assert echoed["length"] == 0


def test_a_body_over_the_limit_is_refused_before_it_is_read(running: Running) -> None:
    connection = running.connect()
    connection.putrequest("POST", "/echo")
    connection.putheader("Content-Length", str(LIMIT + 1))
    connection.endheaders()
    response = connection.getresponse()
    assert (response.status, json.loads(response.read())["code"]) == (413, "body_too_large")
    assert response.getheader("connection") == "close"
    connection.close()


def test_who_sends_a_body_that_is_too_large_all_the_same_can_read_the_answer(
    running: Running,
) -> None:
    for _ in range(5):
        response, body = running.request("POST", "/echo", b"x" * (4 * LIMIT))
        assert (response.status, json.loads(body)["success"]) == (413, False)


def test_a_function_with_a_limit_of_its_own_is_called_to_refuse_by_the_announced_length(
    launch: Launch,
) -> None:
    running = launch(
        doors=lambda function, method: Door(
            lambda headers: 100_000 if method == "POST" else 0, lambda headers: True
        )
    )
    assert running.echo("/echo", method="POST", body=b"x" * 100_000)["length"] == 100_000
    refusing = running.echo("/echo", method="POST", body=b"x" * 100_001)
    assert (refusing["length"], refusing["headers"]["content-length"]) == (0, "100001")
    assert running.echo("/echo", method="GET", body=b"x" * 1000)["length"] == 1000
    assert running.echo("/echo", method="GET", body=b"x" * 100_000)["length"] == 0


def test_a_large_body_of_somebody_who_is_not_let_in_is_not_read(launch: Launch) -> None:
    running = launch(doors=lambda function, method: Door(lambda _: LIMIT, is_friend))

    friend = running.echo("/echo", method="POST", body=b"x" * LIMIT, headers={"X-Friend": "yes"})
    stranger = running.echo("/echo", method="POST", body=b"x" * LIMIT)

    assert (friend["length"], stranger["length"]) == (LIMIT, 0)


def is_friend(headers: Mapping[str, str]) -> bool:
    return headers.get("x-friend") == "yes"


def test_a_client_that_stops_in_the_middle_of_its_body_is_given_up(launch: Launch) -> None:
    running = launch(idle_seconds=0.2)
    connection = running.connect()
    connection.putrequest("POST", "/echo")
    connection.putheader("Content-Length", "10")
    connection.endheaders(b"12345")
    response = connection.getresponse()
    assert (response.status, json.loads(response.read())["code"]) == (408, "request_timeout")
    connection.close()


@pytest.mark.parametrize("sent", [b"", b"GET /echo HT", b"GET /echo HTTP/1.1\r\nHost: x\r\n"])
def test_a_client_that_stops_before_the_end_of_its_headers_is_given_up(
    launch: Launch, sent: bytes
) -> None:
    running = launch(head_seconds=0.2)
    address, _, port = running.host.url.removeprefix("http://").partition(":")
    with socket.create_connection((address, int(port)), WAIT) as client:
        client.sendall(sent)
        answer = client.recv(100)

    assert answer[:12] == (b"HTTP/1.1 408" if sent else b"")


def test_a_connection_may_be_used_again_after_more_time_than_headers_may_take(
    launch: Launch,
) -> None:
    running = launch(head_seconds=0.2)
    connection = running.connect()
    for _ in range(2):
        connection.request("POST", "/echo", b"x")
        assert connection.getresponse().read()
        assert not running.stop.wait(0.3)
    connection.close()


@pytest.mark.parametrize("size", [33_000, 300_000])
def test_headers_that_are_too_large_are_431(running: Running, size: int) -> None:
    response, body = running.request("GET", "/echo", headers={"X-Large": "x" * size})
    assert (response.status, json.loads(body)["code"]) == (431, "headers_too_large")
    response, body = running.request("GET", "/echo?" + "x" * size)
    assert (response.status, json.loads(body)["code"]) == (431, "headers_too_large")


def test_what_is_not_http_is_told_so(running: Running) -> None:
    address, _, port = running.host.url.removeprefix("http://").partition(":")
    with socket.create_connection((address, int(port)), WAIT) as client:
        client.sendall(b"HELO example.com\r\n\r\n")
        answer = b""
        while part := client.recv(10_000):
            answer += part
    assert answer.startswith(b"HTTP/1.1 400")
    assert b'"code": "malformed_request"' in answer


def test_the_limit_is_100_mb_unless_set() -> None:
    assert HostOptions(require_admin).body_limit == 100 * 1024 * 1024


def test_an_exception_is_a_500_without_a_body(running: Running) -> None:
    for kind in ("raises", "wrong"):
        response, body = running.request("GET", f"/answers/{kind}")
        assert (response.status, body) == (500, b"")


def test_an_answer_keeps_its_status_text_and_cookies(running: Running) -> None:
    response, body = running.request("GET", "/answers/cookies")
    assert (response.status, body.decode()) == (201, "é")
    assert response.getheader("content-type") == "text/plain; charset=utf-8"
    assert response.headers.get_all("set-cookie") == ["a=1", "b=2"]
    assert response.headers.get_all("x-twice") == ["last"]


def test_an_answer_may_be_empty(running: Running) -> None:
    response, body = running.request("GET", "/answers/empty")
    assert (response.status, body) == (204, b"")


def test_a_mimetype_other_than_text_has_no_charset(running: Running) -> None:
    response, _ = running.request("GET", "/echo")
    assert response.getheader("content-type") == "application/json"


def test_sync_functions_run_beside_the_event_loop_and_async_ones_on_it(running: Running) -> None:
    assert running.echo("/echo")["thread"].startswith("function")
    response, body = running.request("POST", "/later")
    assert (response.status, body) == (200, b"http")


def test_a_function_that_waits_keeps_nobody_else_waiting(running: Running) -> None:
    waiting = threading.Thread(target=running.request, args=("GET", "/waits"))
    waiting.start()
    assert running.seen.entered.wait(WAIT)
    assert running.echo("/echo")["method"] == "GET"
    running.seen.leave.set()
    waiting.join(WAIT)


def test_stopping_waits_for_the_request_at_work(running: Running) -> None:
    answered: list[bytes] = []
    waiting = threading.Thread(target=lambda: answered.append(running.request("GET", "/waits")[1]))
    waiting.start()
    assert running.seen.entered.wait(WAIT)

    stopping = threading.Thread(target=running.host.stop, args=(WAIT,))
    stopping.start()
    assert running.stop.wait(WAIT)
    assert running.host.running() == ["waits"]
    running.seen.leave.set()
    stopping.join(WAIT)
    waiting.join(WAIT)

    assert answered == [b"done"]
    with pytest.raises(ConnectionRefusedError):
        running.request("GET", "/echo")


def test_a_route_prefix_is_put_before_every_route(launch: Launch) -> None:
    running = launch(host_json=HostJson())
    assert running.request("GET", "/echo")[0].status == 404
    assert running.request("GET", "/api/echo")[0].status == 200


def test_another_origin_may_ask_only_when_it_is_named(launch: Launch, running: Running) -> None:
    named = launch(cors=Cors.model_validate({"CORS": "https://a.example, https://b.example"}))
    for host, allowed in [(running, None), (named, "https://b.example")]:
        response, _ = host.request("GET", "/echo", headers={"Origin": "https://b.example"})
        assert response.getheader("access-control-allow-origin") == allowed


def test_a_port_in_use_is_told_with_the_variable_to_set(launch: Launch) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(PortTaken, match="ROWPOST_PORT"),
    ):
        launch(port=other.getsockname()[1])


def test_a_timer_ticks_on_although_it_fails(
    launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TICKS", "* * * * * *")
    running = launch()
    for _ in range(2):
        assert running.seen.ticks.get(timeout=WAIT).past_due is False


def test_a_setting_that_a_schedule_names_must_be_there(
    launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TICKS")
    with pytest.raises(CannotIndex, match="TICKS"):
        launch()


def test_messages_are_handed_over_one_by_one_although_one_fails(running: Running) -> None:
    for body in ("bad", "good"):
        running.messages.put(body)
    taken = [running.seen.messages.get(timeout=WAIT) for _ in range(2)]
    assert [message.get_body() for message in taken] == [b"bad", b"good"]
    assert taken[0].dequeue_count == 1
    assert taken[0].id != taken[1].id


ADMIN = {"Authorization": "Bearer admin"}


def test_an_admin_runs_a_timer_or_a_queue_function_by_hand(running: Running) -> None:
    for name, given in [("every_second", ""), ("TAKE", "good")]:
        response, _ = running.request(
            "POST", f"/admin/functions/{name}", json.dumps({"input": given}), ADMIN
        )
        assert response.status == 202
    assert running.seen.ticks.get(timeout=WAIT).past_due is False
    assert running.seen.messages.get(timeout=WAIT).get_body() == b"good"


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("nothing", '{"input": ""}', 404),
        ("echo", '{"input": ""}', 404),
        ("take", "{", 400),
        ("take", "[]", 400),
        ("take", '{"input": 7}', 400),
        ("take", '{"input": "' + "x" * 70_000 + '"}', 413),
        ("every_second", None, 202),
    ],
)
def test_what_cannot_be_run_by_hand_is_told(
    running: Running, name: str, body: str | None, status: int
) -> None:
    assert running.request("POST", f"/admin/functions/{name}", body, ADMIN)[0].status == status


def test_the_host_says_how_it_is_to_an_admin(running: Running) -> None:
    response, body = running.request("GET", "/admin/host/status", headers=ADMIN)
    assert response.status == 200
    assert json.loads(body)["state"] == "Running"
    assert running.request("GET", "/admin/host/ping", headers=ADMIN)[0].status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/admin/functions/take"),
        ("GET", "/admin/host/status"),
        ("GET", "/admin/host/ping"),
    ],
)
def test_nobody_else_reaches_the_host(running: Running, method: str, path: str) -> None:
    response, body = running.request(method, path)
    assert response.status == 401
    assert json.loads(body)["code"] == "authentication_required"
    assert running.seen.messages.empty()


def test_small_answers_do_not_wait_for_an_acknowledgement() -> None:
    """asyncio turns Nagle's algorithm off only for sockets that are TCP by their own word."""
    with listen("127.0.0.1", 0, variable="ROWPOST_PORT") as listening:
        with socket.create_connection(listening.getsockname()):
            accepted, _ = listening.accept()
        with accepted:
            assert accepted.proto == socket.IPPROTO_TCP

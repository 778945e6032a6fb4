"""How much memory a request takes: a small multiple of its size, and little without a login."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.standalone.test_attacks import connected
from tests.support.forms import Part, form
from tests.support.memory import (
    LARGE_DOORS,
    MEGABYTE,
    MOST_TIMES_THE_SIZE,
    MOST_WITHOUT_A_LOGIN,
    OPEN_DOORS,
    SIZE,
    STRUCTURES,
    body_for,
    is_measurable,
    measured,
    taken_by_admin,
    taken_by_anyone,
    warm_up,
)
from tests.support.standalone import Launch, Standalone

pytestmark = pytest.mark.skipif(not is_measurable(), reason="only Linux tells a process's peak")


@pytest.fixture(scope="module")
def service(standalone_module: Launch) -> Standalone:
    service = standalone_module(ROWPOST_CATCHER_PORT="off", CONTACT_EMAIL="support@example.com")
    warm_up(service)
    return service


@pytest.mark.parametrize("path", OPEN_DOORS)
@pytest.mark.parametrize("name", STRUCTURES)
def test_whoever_has_no_login_takes_little_memory(
    service: Standalone, path: str, name: str
) -> None:
    status, taken = taken_by_anyone(service, path, name)

    assert 400 <= status < 500
    assert taken < MOST_WITHOUT_A_LOGIN


@pytest.mark.parametrize("path", LARGE_DOORS)
@pytest.mark.parametrize("name", STRUCTURES)
def test_a_body_takes_a_few_times_its_size(service: Standalone, path: str, name: str) -> None:
    status, taken = taken_by_admin(service, path, name)

    assert status < 500
    assert taken < MOST_TIMES_THE_SIZE * len(body_for(path, name))


def test_a_body_is_not_held_before_its_caller_is_known(service: Standalone) -> None:
    with measured(service) as grown, ExitStack() as stack:
        for _ in range(20):
            client = stack.enter_context(connected(service))
            client.sendall(
                b"POST /api/emails HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n" % (2 * SIZE)
            )
            client.settimeout(2)
            try:
                client.sendall(b"x" * SIZE)
            except OSError:
                continue
        assert service.get("/health").status == 200

    assert grown[0] < MOST_WITHOUT_A_LOGIN


def test_a_form_with_the_largest_file_takes_little_memory(service: Standalone) -> None:
    fields = {
        "full_name": "Ann",
        "email": "ann@example.com",
        "subject": "hello",
        "message": "A file.",
    }
    file = Part("file_attached", "notes.txt", b"x" * (10 * MEGABYTE), "text/plain")
    content_type, body = form(fields, file)

    with measured(service) as grown:
        answer = service.request(
            "POST", "/api/email/emails", body, headers={"Content-Type": content_type}
        )

    assert answer.status == 201, answer
    assert grown[0] < MOST_WITHOUT_A_LOGIN

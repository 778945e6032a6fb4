"""What a transport makes of each documented word of its mail service, and of each broken one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import pytest

from shared.smtp.opening import Server, TlsMode
from shared.smtp.reply import Scope
from shared.transports.acs import AcsTransport, Fate, ask_what_became
from shared.transports.base import ConnectionLost, Envelope, Message, OutcomeUnknown
from shared.transports.graph import GraphTransport
from shared.transports.mail_service import MailServiceTransport
from shared.transports.rest import RestService
from tests.support.mail_services import TOKEN, How, MailService, Place, Says, running_mail_service

KINDS = ("acs", "graph")
CONTENT = b"From: a@example.com\r\nTo: b@example.com\r\nMessage-ID: <%d@example.com>\r\n\r\n%s\r\n"
DEEP = b"[" * 60_000
HUGE = b'{"error": {"code": "' + b"x" * 100_000 + b'"}}'
PAGE = b"<html>This network needs a login</html>"


class Tokens:
    """Has a token, and another one for whoever was refused with it."""

    def __init__(self, *tokens: str) -> None:
        self._tokens = list(tokens or (TOKEN,))

    def get(self) -> str:
        return self._tokens[0]

    def renew(self, refused: str) -> str:
        self._tokens = self._tokens[1:] or self._tokens
        return self._tokens[0]


@pytest.fixture(scope="module")
def running() -> Iterator[MailService]:
    with running_mail_service() as service:
        yield service


@pytest.fixture
def service(running: MailService) -> MailService:
    for kept in (running.taken, running.posted, running.questions):
        kept.clear()
    running.asked = 0
    running.says, running.knows = (lambda _: Says()), (lambda _: None)
    running.answers = lambda _: None
    running.tokens = {TOKEN}
    return running


def rest(port: int, seconds: float = 30.0, tokens: Tokens | None = None) -> RestService:
    server = Server("127.0.0.1", port, TlsMode.NONE, reply_timeout=seconds)
    return RestService(server, tokens or Tokens())


def way_out(kind: str, service: RestService) -> MailServiceTransport:
    if kind == "acs":
        return AcsTransport(service, (0.0, 0.0))
    return GraphTransport(service, "a@example.com")


def shown(case: object) -> str:
    """What a case is called."""
    if not isinstance(case, Says):
        return str(case)
    parts = [str(case.status), case.code, *case.headers, str(case.body or b"", "latin-1")[:12]]
    if case.breaks:
        parts += [part.name for part in case.breaks]
    return " ".join(part for part in parts if part)


_numbers = iter(range(1_000_000))


def email(body: bytes = b"Hi") -> Message:
    content = CONTENT % (next(_numbers), body)
    return Message(Envelope("a@example.com", ("b@example.com",), len(content)), content)


async def sent(transport: MailServiceTransport, message: Message) -> str:
    """One word for what comes of it."""
    await transport.open()
    assert (await transport.offer(message)).ready
    await transport.send(message)
    try:
        reply = await transport.commit(message)
    except OutcomeUnknown:
        return "unknown"
    except ConnectionLost:
        return "not sent"
    if reply.verdict is None:
        return "accepted"
    return "rests" if reply.verdict.scope is Scope.ACCOUNT else "refused"


def is_idle(service: MailService) -> bool:
    return service.at_once == 0


def came_to(service: MailService, kind: str, message: Message | None = None) -> str:
    return asyncio.run(sent(way_out(kind, rest(service.port)), message or email()))


CLEAR = [
    (Says(202), "accepted"),
    (Says(202, body=PAGE), "accepted"),
    (Says(202, headers={"Retry-After": "60"}), "accepted"),
    (Says(202, breaks=(Place.BODY, How.RESETS)), "accepted"),
    (Says(400, code="InvalidRecipients"), "refused"),
    (Says(400, code="EmailDroppedAllRecipientsSuppressed"), "refused"),
    (Says(422), "refused"),
    (Says(413), "refused"),
    (Says(400, body=PAGE), "refused"),
    (Says(400, body=DEEP), "refused"),
    (Says(400, body=HUGE), "not sent"),
    (Says(400, breaks=(Place.BODY, How.CLOSES)), "not sent"),
    (Says(401), "rests"),
    (Says(403, code="ErrorSendAsDenied"), "rests"),
    (Says(404), "rests"),
    (Says(405, body=PAGE), "rests"),
    (Says(408), "rests"),
    (Says(415), "rests"),
    (Says(429), "rests"),
    (Says(429, headers={"Retry-After": "-1"}, body=DEEP), "rests"),
    (Says(429, breaks=(Place.BODY, How.RESETS)), "rests"),
]
OF_ACS = [
    (Says(400, code="DomainNotLinked"), "rests"),
    (Says(400, code="SubscriptionBlocked"), "rests"),
    (Says(400, code="Denied"), "rests"),
    (Says(400, body=b"{}", headers={"x-ms-error-code": "DomainNotLinked"}), "rests"),
]
OF_GRAPH = [
    (Says(503), "rests"),
    (Says(503, headers={"Retry-After": "5"}), "rests"),
    (Says(400, code="ErrorQuotaExceeded"), "rests"),
    (Says(400, code="ErrorMessageSizeExceeded"), "refused"),
    (Says(404, code="MailboxNotEnabledForRESTAPI"), "rests"),
    (Says(404, code="ErrorItemNotFound"), "rests"),
    (Says(409), "rests"),
]


@pytest.mark.parametrize(
    ("kind", "says", "word"),
    [(kind, *case) for kind in KINDS for case in CLEAR]
    + [("acs", *case) for case in OF_ACS]
    + [("graph", *case) for case in OF_GRAPH],
    ids=shown,
)
def test_a_clear_word_is_believed_and_nothing_is_posted_twice(
    service: MailService, kind: str, says: Says, word: str
) -> None:
    service.says = lambda _: says

    assert came_to(service, kind) == word
    assert service.asked == 1


DOUBTS = {
    "hangs up": Says(breaks=(Place.ANSWER, How.CLOSES)),
    "resets": Says(breaks=(Place.ANSWER, How.RESETS)),
    "hangs up in the headers": Says(breaks=(Place.HEADERS, How.CLOSES)),
    "resets in the headers": Says(breaks=(Place.HEADERS, How.RESETS)),
    "200": Says(200),
    "200 of a page": Says(200, body=PAGE),
    "204": Says(204, body=b""),
    "302": Says(302, headers={"Location": "https://login.example.com/"}),
    "307": Says(307, headers={"Location": "/elsewhere"}),
    "500": Says(500),
    "500 in depth": Says(500, body=DEEP),
    "500 with a code of refusals": Says(500, code="Unauthorized"),
    "502": Says(502, body=PAGE),
    "504": Says(504),
    "599": Says(599),
}
OF_ACS_ALONE = {"503": Says(503), "409": Says(409), "503 and when": Says(503, headers={"R": "5"})}


@pytest.mark.parametrize("takes", [True, False], ids=["taken", "not taken"])
@pytest.mark.parametrize(
    ("kind", "says"),
    [
        *(("graph", says) for says in DOUBTS.values()),
        *(("acs", says) for says in (DOUBTS | OF_ACS_ALONE).values()),
    ],
    ids=shown,
)
def test_what_is_in_doubt_stays_so_unless_the_service_can_tell(
    service: MailService, kind: str, says: Says, takes: bool
) -> None:
    service.says = lambda _: replace(says, takes=takes)

    word = came_to(service, kind)

    assert word == ("accepted" if kind == "acs" and takes else "unknown")
    assert (service.asked, len(service.taken)) == (1, int(takes))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("says", "word"),
    [
        (Says(breaks=(Place.REQUEST, How.CLOSES)), "not sent"),
        (Says(breaks=(Place.REQUEST, How.RESETS)), "not sent"),
        (Says(413, breaks=(Place.REQUEST, How.ANSWERS)), "refused"),
        (Says(429, breaks=(Place.REQUEST, How.ANSWERS)), "rests"),
    ],
    ids=shown,
)
def test_of_half_a_request_nothing_is_carried_out(
    service: MailService, kind: str, says: Says, word: str
) -> None:
    service.says = lambda _: says

    assert came_to(service, kind, email(b"x" * 70 + (b"\r\n" + b"x" * 70) * 150_000)) == word
    assert service.taken == []


SILENT: Mapping[str, tuple[Says, str]] = {
    "before the answer": (Says(breaks=(Place.ANSWER, How.IS_SILENT)), "unknown"),
    "in the headers": (Says(breaks=(Place.HEADERS, How.IS_SILENT)), "unknown"),
    "dripping headers": (Says(breaks=(Place.HEADERS, How.DRIPS)), "unknown"),
    "dripping a status": (Says(breaks=(Place.ANSWER, How.DRIPS)), "unknown"),
    "in the body of a 202": (Says(breaks=(Place.BODY, How.IS_SILENT)), "accepted"),
    "dripping the body of a 202": (Says(breaks=(Place.BODY, How.DRIPS)), "accepted"),
    "dripping the body of a 504": (Says(504, True, breaks=(Place.BODY, How.DRIPS)), "unknown"),
    "dripping the body of a 429": (Says(429, breaks=(Place.BODY, How.DRIPS)), "rests"),
}


def test_a_service_that_is_silent_or_drips_is_waited_for_so_long_and_no_longer() -> None:
    """All of them at once; each service takes the email."""
    cases = [(kind, *SILENT[name]) for kind in KINDS for name in SILENT]
    with ExitStack() as stack:
        services = [stack.enter_context(running_mail_service()) for _ in cases]

        async def all_of_them() -> list[str]:
            return list(await asyncio.gather(*map(of, cases, services)))

        async def of(case: tuple[str, Says, str], service: MailService) -> str:
            kind, says, _ = case
            service.says = lambda _: says
            return await sent(way_out(kind, rest(service.port, 4.0)), email())

        words = asyncio.run(all_of_them())

        for (kind, says, word), service, came in zip(cases, services, words, strict=True):
            assert came == ("accepted" if kind == "acs" and says.is_taken else word), shown(says)
            assert service.wait_for(partial(is_idle, service))  # Nothing of it goes on.
            assert len(service.taken) == int(says.is_taken)


FATES: list[tuple[Says | str | None, Fate]] = [
    ("NotStarted", Fate.NOT_KNOWN),
    ("Running", Fate.TAKEN),
    ("Succeeded", Fate.TAKEN),
    ("Failed", Fate.FAILED),
    ("Canceled", Fate.FAILED),
    ("Dispatched", Fate.NOT_KNOWN),
    (None, Fate.NOT_KNOWN),
    (Says(200, body=b'{"status": ["Succeeded"]}'), Fate.NOT_KNOWN),
    (Says(200, body=b"{}"), Fate.NO_ANSWER),
    (Says(200, body=b'"Succeeded"'), Fate.NO_ANSWER),
    (Says(200, body=PAGE), Fate.NO_ANSWER),
    (Says(200, body=b"\xff\xfe"), Fate.NO_ANSWER),
    (Says(200, body=DEEP), Fate.NO_ANSWER),
    (Says(200, body=HUGE), Fate.NO_ANSWER),
    (Says(200, body=b'{"status": "Succeeded"', breaks=(Place.BODY, How.CLOSES)), Fate.NO_ANSWER),
    (Says(302), Fate.NO_ANSWER),
    (Says(401), Fate.NO_ANSWER),
    (Says(429, headers={"Retry-After": "9"}), Fate.NO_ANSWER),
    (Says(500), Fate.NO_ANSWER),
    (Says(503, breaks=(Place.HEADERS, How.RESETS)), Fate.NO_ANSWER),
    (Says(breaks=(Place.ANSWER, How.CLOSES)), Fate.NO_ANSWER),
]


@pytest.mark.parametrize(("says", "fate"), FATES, ids=shown)
def test_only_what_acs_says_of_an_operation_is_an_answer(
    service: MailService, says: Says | str | None, fate: Fate
) -> None:
    if isinstance(says, Says):
        service.answers = lambda _: says
    else:
        service.knows = lambda _: says

    async def ask() -> Fate:
        asking = rest(service.port)
        await asking.log_in()
        return (await ask_what_became(asking, "an-operation"))[0]

    assert asyncio.run(ask()) is fate


def test_a_refusal_by_acs_of_what_it_has_taken_is_none(service: MailService) -> None:
    """A gateway has repeated the request: the second time it is no good any more."""
    service.says = lambda _: Says(400, takes=True, code="BadRequest")

    assert came_to(service, "acs") == "accepted"
    assert len(service.questions) == 1


@pytest.mark.parametrize(("silent", "outcome"), [(1, "accepted"), (9, "unknown")])
def test_nor_is_it_one_while_acs_does_not_say_what_it_has_taken(
    service: MailService, silent: int, outcome: str
) -> None:
    service.says = lambda _: Says(400, takes=True, code="BadRequest")
    service.answers = lambda number: Says(503) if number <= silent else None

    assert came_to(service, "acs") == outcome


def test_acs_takes_an_operation_once_and_no_other_email_by_its_name(service: MailService) -> None:
    message = email()

    async def twice() -> tuple[str, str]:
        transport = way_out("acs", rest(service.port))
        return await sent(transport, message), await sent(transport, message)

    assert asyncio.run(twice()) == ("accepted", "accepted")
    assert [came_to(service, "acs") for _ in range(3)] == ["accepted"] * 3
    assert len(service.taken) == 4
    assert (len(service.posted), len(set(service.posted))) == (5, 4)


def test_questions_end_where_acs_has_enough_of_them(service: MailService) -> None:
    service.says = lambda _: Says(500, takes=True)
    service.answers = lambda _: Says(429)

    assert came_to(service, "acs") == "unknown"
    assert len(service.questions) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_that_is_refused_is_renewed_once(service: MailService, kind: str) -> None:
    transport = way_out(kind, rest(service.port, tokens=Tokens("revoked", TOKEN)))

    assert asyncio.run(sent(transport, email())) == "accepted"
    assert (service.asked, len(service.taken)) == (2, 1)
    service.tokens = set()
    service.says = lambda _: Says()
    assert asyncio.run(sent(transport, email())) == "rests"
    assert service.asked == 3


def test_what_is_cut_off_leaves_no_request_behind(service: MailService) -> None:
    service.says = lambda _: Says(breaks=(Place.ANSWER, How.IS_SILENT))

    async def cut() -> None:
        transport = way_out("graph", rest(service.port))
        sending = asyncio.ensure_future(sent(transport, email()))
        while service.at_once == 0:
            await asyncio.sleep(0.01)
        transport.abort()
        assert await sending == "unknown"

    asyncio.run(cut())
    assert service.wait_for(partial(is_idle, service))

"""Templates: what they make of their variables, and what they cannot do."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

import pytest

from shared.database.database import Database
from shared.submissions.template_errors import (
    MissingVariable,
    TemplateRefused,
    UnknownTemplate,
)
from shared.submissions.templates import render
from tests.emails.conftest import Api
from tests.support.emails import became, states

ORDER = {
    "order_number": "4711",
    "total": "30 €",
    "items": [{"quantity": 2, "name": "Mug <b>", "price": "15 €"}],
}


def written(folder: Path, body: str, file: str = "body.html") -> Path:
    (folder / "one").mkdir(exist_ok=True)
    (folder / "one" / "subject.txt").write_text("Hello\n")
    (folder / "one" / file).write_text(body)
    return folder


def test_an_order_is_confirmed_in_text_and_in_escaped_html() -> None:
    made = render("order_confirmation", ORDER)

    assert made.subject == "Your order 4711"
    assert made.html
    assert "2 &times; Mug &lt;b&gt;" in made.html
    assert made.text
    assert "2 x Mug <b>  15 €" in made.text


def test_a_reset_code_and_a_welcome_have_their_examples() -> None:
    assert "123456" in (render("reset_code", {"code": "123456"}).text or "")
    assert "Log in" not in (render("welcome", {"name": "Ann"}).html or "")
    linked = render("welcome", {"name": "Ann", "link": 'https://example.com/"x'}).html or ""
    assert 'href="https://example.com/&#34;x"' in linked


def test_a_subject_stays_one_line() -> None:
    assert render("welcome", {"name": "Ann\r\nBcc: bob@example.com"}).subject == (
        "Welcome, Ann Bcc: bob@example.com"
    )


@pytest.mark.parametrize(
    ("name", "variables", "missing"),
    [
        ("welcome", {}, "name"),
        ("order_confirmation", ORDER | {"items": [{"quantity": 1, "name": "Mug"}]}, "price"),
    ],
)
def test_a_missing_variable_is_named(name: str, variables: dict[str, object], missing: str) -> None:
    with pytest.raises(MissingVariable) as caught:
        render(name, variables)

    assert caught.value.name == missing


@pytest.mark.parametrize("name", ["", "nothing", "../tests", "welcome/../welcome", "a" * 99, "."])
def test_a_template_that_is_not_there_is_unknown(name: str) -> None:
    with pytest.raises(UnknownTemplate):
        render(name, {})


@pytest.mark.parametrize(
    "body",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ x.__init__.__globals__ }}",
        "{{ x['__class__']['__base__'] }}",
        "{{ x|attr('__class__') }}",
        "{{ self.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os.system('id') }}",
        "{{ lipsum.__globals__ }}",
        "{{ 'a'.join(x) }}",
        "{{ '{0.__class__}'.format(x) }}",
        "{{ x.append(1) }}",
        "{% include '../welcome/body.html' %}",
        "{% for i in %}",
        "{{ x|safe }}",
    ],
)
def test_no_template_reaches_python(tmp_path: Path, body: str) -> None:
    with pytest.raises((TemplateRefused, MissingVariable)):
        render("one", {"x": ["a"]}, written(tmp_path, body))


@pytest.mark.parametrize(
    "body",
    [
        "{{ 'a' * 10000000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ '%99999999999d' % 1 }}",
        "{% set a = 'aaaaaaaaaa' %}" + "{% set a = a ~ a %}" * 40 + "{{ a }}",
        "{% set a = 'aaaaaaaaaa' %}" + "{% set a = a + a %}" * 40 + "{{ a }}",
        "{% set n = 99999 %}" + "{% set n = n * n %}" * 40 + "{{ n }}",
        "{% for a in x %}" * 9 + "{% endfor %}" * 9,
        "{% for a in x %}" * 4 + "aaaaaaaaaaaaaaaaaaa" + "{% endfor %}" * 4,
        "{% macro m(n) %}{{ m(n + 1) }}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}",
        "{% include 'body.html' %}",
        "{{ x|join('" + "a" * 100_000 + "') }}",
    ],
    ids=[
        "text",
        "power",
        "format",
        "tilde",
        "sum",
        "number",
        "loops",
        "output",
        "macro",
        "self",
        "join",
    ],
)
def test_a_template_is_bounded_in_size_and_time(tmp_path: Path, body: str) -> None:
    began = monotonic()

    with pytest.raises(TemplateRefused):
        render("one", {"x": list(range(100))}, written(tmp_path, body))

    assert monotonic() - began < 20


class TestByRest:
    def test_an_email_is_written_by_its_template(self, api: Api, queue: Database) -> None:
        reply = api.post("/api/emails", templated("welcome", {"name": "Ann & Bob"}))

        assert reply.status == 202
        stored = became(queue, reply.json["email_id"])
        assert stored.subject == "Welcome, Ann & Bob"
        assert "Welcome, Ann &amp; Bob" in str(stored.body)
        assert "Welcome, Ann & Bob" in str(stored.text_alternative)
        assert stored.is_html == 1

    @pytest.mark.parametrize(
        ("fields", "status", "field"),
        [
            (("welcome", {}), 422, "variables.name"),
            (("order_confirmation", {"order_number": 1, "items": 5, "total": 1}), 422, "template"),
            (("nothing", {}), 422, "template"),
            (("../welcome", {}), 422, "template"),
        ],
    )
    def test_what_is_wrong_with_it_is_named(
        self, api: Api, queue: Database, fields: tuple[str, object], status: int, field: str
    ) -> None:
        reply = api.post("/api/emails", templated(*fields))

        assert (reply.status, reply.json["errors"][0]["field"]) == (status, field)
        assert states(queue) == ""

    def test_a_template_leaves_no_place_for_other_content(self, api: Api) -> None:
        both = templated("welcome", {"name": "Ann"}) | {"html_content": "<p>Hi</p>"}

        assert api.post("/api/emails", both).status == 422


def templated(name: str, variables: object) -> dict[str, object]:
    return {"recipients": ["ann@example.com"], "template": name, "variables": variables}

"""Forms with a file, as browsers and programs send them, and as nobody should."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.api.errors import ApiError
from shared.api.request.form import FormLimits, parsed_form

HEADERS = {"content-type": "multipart/form-data; boundary=XX"}
LIMITS = FormLimits("file_attached", most_in_file=1000, most_in_field=100)


def field(name: str, value: str | bytes) -> bytes:
    content = value if isinstance(value, bytes) else value.encode()
    head = f'--XX\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
    return head.encode() + content + b"\r\n"


def file(content: bytes, filename: str = "a.pdf", name: str = "file_attached") -> bytes:
    disposition = f'form-data; name="{name}"; filename="{filename}"'
    head = f"--XX\r\nContent-Disposition: {disposition}\r\nContent-Type: application/pdf\r\n\r\n"
    return head.encode() + content + b"\r\n"


def body(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--XX--\r\n"


def pieces(content: bytes) -> list[bytes]:
    return [content[at : at + 1000] for at in range(0, len(content), 1000)]


def parsed(content: bytes) -> tuple[dict[str, str], str | None, bytes]:
    with parsed_form(HEADERS, pieces(content), LIMITS) as form:
        if form.file is None:
            return dict(form.fields), None, b""
        read = form.file.content.read()
        assert len(read) == form.file.size
        return dict(form.fields), form.file.filename, read


def refused(content: bytes, headers: dict[str, str] | None = None) -> ApiError:
    with (
        pytest.raises(ApiError) as raised,
        parsed_form(
            HEADERS if headers is None else headers,
            pieces(content),
            LIMITS,
        ),
    ):
        pytest.fail("it was taken")
    return raised.value


def test_fields_and_the_file_come_as_they_were_sent() -> None:
    content = bytes(range(256)) + b"\r\n--X\r\n--XY"

    form = parsed(body(field("name", "Jané 🎉"), file(content, "März.pdf"), field("x", "")))

    assert form == ({"name": "Jané 🎉", "x": ""}, "März.pdf", content)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_it_does_not_matter_where_it_is_cut(size: int) -> None:
    whole = body(field("name", "Jane"), file(b"content\r\n" * 20))
    cut = [whole[start : start + size] for start in range(0, len(whole), size)]

    with parsed_form(HEADERS, cut, LIMITS) as form:
        assert form.fields == {"name": "Jane"}
        assert form.file is not None
        assert form.file.content.read() == b"content\r\n" * 20


def test_a_form_without_a_file_has_none() -> None:
    assert parsed(body(field("a", "1"))) == ({"a": "1"}, None, b"")


def test_a_file_that_nobody_chose_is_none() -> None:
    """As browsers send an empty file field."""
    assert parsed(body(field("a", "1"), file(b"", ""))) == ({"a": "1"}, None, b"")


def test_a_file_that_is_too_large_is_refused_while_it_is_read() -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        yield file(b"")[:-2]
        while True:
            taken += 1
            yield b"x" * 100

    with pytest.raises(ApiError) as raised, parsed_form(HEADERS, endless(), LIMITS):
        pytest.fail("it was taken")

    assert (raised.value.status, raised.value.code) == (413, "file_too_large")
    assert taken == 11


def test_a_large_file_is_not_in_memory_as_a_whole() -> None:
    limits = FormLimits("file_attached", most_in_file=30_000_000)

    def large() -> Iterator[bytes]:
        yield file(b"")[:-2]
        for _ in range(200):
            yield b"x" * 100_000
        yield b"\r\n--XX--\r\n"

    tracemalloc.start()
    try:
        with parsed_form(HEADERS, large(), limits) as form:
            assert form.file is not None
            assert form.file.size == 20_000_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize(
    ("content", "field_name"),
    [
        (body(field("a", "x" * 101)), "a"),
        (body(field("a", "1"), field("a", "2")), "a"),
        (body(file(b"1"), file(b"2")), "file_attached"),
        (body(file(b"1", name="other")), "other"),
        (body(file(b"1", filename="")), "file_attached"),
    ],
    ids=["long", "twice", "two files", "another file", "no name"],
)
def test_a_wrong_field_is_named(content: bytes, field_name: str) -> None:
    error = refused(content)

    assert error.status == 422
    assert [one.field for one in error.errors] == [field_name]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        b"--XX\r\n",
        body(field("a", "1"))[:-6],
        body(b"--XX\r\n\r\nno header\r\n"),
        body(b"--XX\r\nContent-Disposition: form-data\r\n\r\nno name\r\n"),
        body(b'--XX\r\nContent-Disposition: attachment; name="a"\r\n\r\nx\r\n'),
        body(field("a", b"\xff\xfe")),
        body(b'--XX\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nx\r\n'),
        body(*[field(f"a{number}", "") for number in range(51)]),
        body(
            b'--XX\r\nContent-Disposition: form-data; name="a"\r\n'
            b"Content-Transfer-Encoding: base64\r\n\r\neA==\r\n"
        ),
        body(b"--XX\r\n" + b"X-A: b\r\n" * 100 + b"\r\nx\r\n"),
        body(b"--XX\r\nX-A: " + b"b" * 10_000 + b"\r\n\r\nx\r\n"),
    ],
)
def test_what_is_malformed_is_400(content: bytes) -> None:
    assert refused(content).status == 400


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("", 415),
        ("application/json", 415),
        ("multipart/mixed; boundary=XX", 415),
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=", 400),
        ("multipart/form-data; boundary=" + "x" * 1000, 400),
        ("multipart/form-data; boundary=\x00é", 400),
    ],
)
def test_another_media_type_is_refused(content_type: str, status: int) -> None:
    assert refused(body(field("a", "1")), {"content-type": content_type}).status == status


@pytest.mark.parametrize(
    "disposition",
    ["name*=unknown''abc", "name*=utf-8''%ff", "name*0*=unknown'x", "name=\"a\"; filename*=x''%80"],
)
def test_an_odd_header_of_a_part_is_an_error_of_ours_or_read(disposition: str) -> None:
    head = f"--XX\r\nContent-Disposition: form-data; {disposition}\r\n\r\n"
    with suppress(ApiError):
        parsed(body(head.encode() + b"x\r\n"))


@given(st.lists(st.binary(max_size=60), max_size=5), st.text(max_size=60))
def test_whatever_comes_is_a_form_or_an_error_of_ours(parts: list[bytes], header: str) -> None:
    with suppress(ApiError):
        parsed(b"--XX\r\n" + b"--XX\r\n".join(parts) + b"--XX--\r\n")
    with suppress(ApiError):
        refused(b"", {"content-type": f"multipart/form-data; {header}"})

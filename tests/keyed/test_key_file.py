"""The file of keys: taken whole, or refused by the line, with no secret in the message."""

from __future__ import annotations

import pytest

from shared.features.keyed_sending.key_file import LARGEST_BYTES, BadKeyFile, read_key_file

HEADER = "key,email,app_password\n"
FIRST = "user1_key,example1@gmail.com,your_app_password\n"


def test_the_file_of_the_older_service_is_read() -> None:
    lines = read_key_file(
        (HEADER + FIRST + "user2_key,example2@gmail.com,another_app_password\n").encode()
    )

    assert [(one.line, one.key, one.email, one.app_password) for one in lines] == [
        (2, "user1_key", "example1@gmail.com", "your_app_password"),
        (3, "user2_key", "example2@gmail.com", "another_app_password"),
    ]
    assert "user1_key" not in repr(lines)
    assert "your_app_password" not in repr(lines)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + (HEADER + FIRST).encode(),
        (HEADER + FIRST).replace("\n", "\r\n").encode(),
        b"app_password,KEY , email\nyour_app_password,user1_key,example1@gmail.com",
        b'key,email,app_password\n\n"user1_key", example1@gmail.com ,"your_app_password"\n,,\n',
    ],
)
def test_what_spreadsheets_make_of_it_is_the_same(content: bytes) -> None:
    (one,) = read_key_file(content)

    assert (one.key, one.email, one.app_password) == (
        "user1_key",
        "example1@gmail.com",
        "your_app_password",
    )


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        ("", 1, "key,email,app_password"),
        ("key,email\na,b@example.com\n", 1, "key,email,app_password"),
        ("key,email,app_password,name\n", 1, "key,email,app_password"),
        (FIRST, 1, "key,email,app_password"),
        ("key,key,email\n", 1, "key,email,app_password"),
        (HEADER + "s3cret,b@example.com\n", 2, "2 cells, not 3"),
        (HEADER + FIRST + "s3cret,b@example.com,p,q\n", 3, "4 cells, not 3"),
        (HEADER + ",b@example.com,s3cret\n", 2, "key is empty"),
        (HEADER + "s3cret,b@example.com,\n", 2, "app_password is empty"),
        (HEADER + "s3cret,not an address,p\n", 2, "email"),
        (HEADER + "s3cret,a@example.com;b@example.com,p\n", 2, "email"),
        (HEADER + "a s3cret,b@example.com,p\n", 2, "printable ASCII"),
        (HEADER + "s3cret" * 50 + ",b@example.com,p\n", 2, "printable ASCII"),
        (HEADER + FIRST + "user1_key,b@example.com,p\n", 3, "line 2"),
        (HEADER + FIRST + "other,Example1@gmail.com,s3cret\n", 3, "line 2"),
        (HEADER + '"s3cret\n', 2, "not CSV"),
        (HEADER + FIRST + 'a,b@example.com,"s3"cret\n', 3, "not CSV"),
    ],
)
def test_what_is_wrong_is_named_by_its_line(content: str, line: int, says: str) -> None:
    with pytest.raises(BadKeyFile) as refused:
        read_key_file(content.encode())

    assert refused.value.line == line
    assert f"line {line}: " in str(refused.value)
    assert says in str(refused.value)
    for secret in ("s3cret", "user1_key", "your_app_password"):
        assert secret not in str(refused.value)


def test_a_file_in_another_encoding_is_told_by_its_line() -> None:
    with pytest.raises(BadKeyFile, match="line 2: this is not UTF-8"):
        read_key_file(HEADER.encode() + "schlüssel,a@example.com,p\n".encode("latin-1"))


def test_a_file_without_end_is_refused() -> None:
    with pytest.raises(BadKeyFile, match="larger"):
        read_key_file(b"x" * (LARGEST_BYTES + 1))

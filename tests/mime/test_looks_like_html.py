"""Bodies of rows that do not say what they are."""

from __future__ import annotations

import time

import pytest

from shared.mime.looks_like_html import looks_like_html


@pytest.mark.parametrize(
    "body",
    [
        "<html>",
        "<!DOCTYPE html>",
        "<BODY>x",
        "\r\n\t <Html lang=de>",
        "<!doctype html><html>",
        "\ufeff<html>",
        "\ufeff \n<!DOCTYPE html>",
        '<?xml version="1.0" encoding="utf-8"?>\r\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0">',
        '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">',
        "<!-- made by reports --><html>",
        "<!-- a --> <!-- <b> --\n> -->\n<body class=x>",
        "<body/>",
    ],
)
def test_a_body_that_begins_as_html_is_html(body: str) -> None:
    assert looks_like_html(body)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "  ",
        "Hello <html>",
        "<p>Hello</p>",
        "< html>",
        "&lt;html>",
        "<bodyshop@example.com> wrote:",
        "<html@example.com> wrote:",
        "<!doctypes are> old",
        "<?xml version='1.0'?><order/>",
        "<!-- no end <html>",
        "<!-- a -->",
        "<?xml no end <html>",
    ],
)
def test_any_other_body_is_text(body: str) -> None:
    assert not looks_like_html(body)


@pytest.mark.parametrize("body", ["<!--a-->" * 50_000 + "x", "<!--" * 50_000, " " * 200_000])
def test_a_hostile_body_takes_no_time(body: str) -> None:
    started = time.process_time()

    assert not looks_like_html(body)

    assert time.process_time() - started < 5

"""Bodies of rows that do not say what they are."""

from __future__ import annotations

import pytest

from shared.mime.looks_like_html import looks_like_html


@pytest.mark.parametrize(
    "body",
    ["<html>", "<!DOCTYPE html>", "<BODY>x", "\r\n\t <Html lang=de>", "<!doctype html><html>"],
)
def test_a_body_that_begins_as_html_is_html(body: str) -> None:
    assert looks_like_html(body)


@pytest.mark.parametrize("body", ["", "  ", "Hello <html>", "<p>Hello</p>", "< html>", "&lt;html>"])
def test_any_other_body_is_text(body: str) -> None:
    assert not looks_like_html(body)

"""The pictures that an email's HTML shows, put in place of their names."""

from __future__ import annotations

from shared.console.email_frame import MOST_INLINE, MOST_WRITTEN, with_inline

DOT = {"dot@x": ("image/gif", b"GIF89a")}


def test_a_picture_stands_wherever_it_is_named() -> None:
    html = "<img src='cid:dot@x'><img src=\"CID:dot@x\"><img src='cid:other@x'>"

    assert with_inline(html, DOT) == (
        "<img src='data:image/gif;base64,R0lGODlh'>"
        '<img src="data:image/gif;base64,R0lGODlh">'
        "<img src='cid:other@x'>"
    )


def test_a_picture_that_is_named_a_thousand_times_fills_no_memory() -> None:
    html = "<img src='cid:big@x'>" * 1_000

    shown = with_inline(html, {"big@x": ("image/png", b"\0" * MOST_INLINE)})

    assert shown.count("data:image/png") == 2
    assert shown.count("cid:big@x") == 998
    assert len(shown) < MOST_WRITTEN + len(html)

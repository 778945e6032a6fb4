"""The console's session: the login's token in a cookie that no script reads, no other site sends.

`__Host-` (RFC 6265bis, 4.1.3.2) binds it to this host and to HTTPS. On plain loopback, where there
is no HTTPS, it goes without prefix and without Secure. The token is the API's: it ends after 8
hours, with a logout and with a changed password.

A form is the console's own where the browser says that it was sent from here (Fetch Metadata, else
Origin), and where it holds the token that belongs to the cookie.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from http.cookies import CookieError, SimpleCookie
from urllib.parse import SplitResult, urlsplit

from shared.api.caller import Caller, caller_address
from shared.api.errors import ApiError
from shared.app import application
from shared.errors import RowpostError
from shared.security import tokens
from shared.security.tokens import IssuedToken

FORM_TOKEN = "form_token"
_SESSION, _VISITOR, _NOTICE = "rowpost-session", "rowpost-visitor", "rowpost-notice"
_PREFIX = "__Host-"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_NOTICE_SECONDS = 60
_LONGEST_COOKIES = 16 * 1024


def with_session(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers, with the session's token as the only thing that proves who calls."""
    plain = {name.lower(): value for name, value in headers.items()}
    plain.pop("authorization", None)
    token = _cookie(headers, _SESSION)
    # A key opens the API, never the console.
    if tokens.looks_like_one(token):
        plain["authorization"] = f"Bearer {token}"
    return plain


def whoever(headers: Mapping[str, str]) -> Caller:
    """Who has the session, or nobody in particular; for what is shown around an error."""
    address, token = caller_address(headers), _cookie(headers, _SESSION)
    if not tokens.looks_like_one(token):
        return Caller(address)
    here = application()
    try:
        login = tokens.verify(here.signing, here.logins, token, datetime.now(UTC))
    except RowpostError:
        return Caller(address)
    return Caller(address, login.username, login.role)


def parts_of(address: str) -> SplitResult:
    """The parts of an address that somebody else has written; all empty where it is none."""
    try:
        return urlsplit(address)
    except ValueError:
        return SplitResult("", "", "", "", "")


def as_browser_sees(url: str, headers: Mapping[str, str]) -> str:
    """The address of a request by HTTPS where a proxy that ends TLS says so; it may have put its
    own name for this machine, as localhost, in place of the browser's."""
    forwarded = headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
    return "https" + url[4:] if forwarded == "https" and url.startswith("http://") else url


def is_plain_loopback(url: str) -> bool:
    """Whether this address is one of the machine itself, without TLS."""
    parts = parts_of(url)
    return parts.scheme == "http" and parts.hostname in _LOOPBACK


def session_cookie(url: str, issued: IssuedToken) -> str:
    """The Set-Cookie header for a session, to a browser that asked at this address."""
    left = (issued.expires_at - datetime.now(UTC)).total_seconds()
    return _set_cookie(url, _SESSION, issued.token, max(0, int(left)))


def ended_session(url: str) -> str:
    """The Set-Cookie header that takes the session away."""
    return _set_cookie(url, _SESSION, "", 0)


def visitor_cookie(url: str, headers: Mapping[str, str]) -> tuple[str, str | None]:
    """What forms are bound to, for a browser without a session: the value, and the Set-Cookie
    header where the browser does not have one yet."""
    known = _cookie(headers, _SESSION) or _cookie(headers, _VISITOR)
    if known:
        return known, None
    made = secrets.token_urlsafe(24)
    return made, _set_cookie(url, _VISITOR, made, None)


def notice_cookie(url: str, words: str) -> str:
    """The Set-Cookie header for what the next page is to say."""
    return _set_cookie(url, _NOTICE, words.encode()[:1000].hex(), _NOTICE_SECONDS)


def notice_in(headers: Mapping[str, str]) -> str:
    """What the page before wanted said, or nothing."""
    try:
        return bytes.fromhex(_cookie(headers, _NOTICE)).decode("utf-8", "replace")
    except ValueError:
        return ""


def told_notice(url: str) -> str:
    """The Set-Cookie header for a notice that has been shown."""
    return _set_cookie(url, _NOTICE, "", 0)


def form_token(headers: Mapping[str, str]) -> str:
    """What a form of this browser has to hold; empty where it has no cookie of ours."""
    return token_for(_cookie(headers, _SESSION) or _cookie(headers, _VISITOR))


def token_for(cookie: str) -> str:
    """What forms hold that belong to this cookie."""
    return hmac.digest(cookie.encode(), b"a form of the console", "sha256").hex() if cookie else ""


def require_own_form(headers: Mapping[str, str], shown: str) -> None:
    """Raise ApiError 403 for a form that is not of this console and browser; `shown`: its token."""
    require_same_origin(headers)
    wanted = form_token(headers)
    if not wanted or not hmac.compare_digest(wanted.encode(), shown.encode("utf-8", "replace")):
        raise _foreign("It is older than your login, or was not made by the console.")


def require_same_origin(headers: Mapping[str, str]) -> None:
    """Raise ApiError 403 for what another site, or no page at all, has sent."""
    site = headers.get("sec-fetch-site", "")
    if site:
        own = site == "same-origin"
    else:
        origin = parts_of(headers.get("origin", "")).netloc.lower()
        own = bool(origin) and origin == headers.get("host", "").lower()
    if not own:
        raise _foreign("It was sent from another site.")


def _foreign(why: str) -> ApiError:
    return ApiError(
        403, "foreign_form", f"This form was not accepted. {why} Open the page again, and send it."
    )


def _cookie(headers: Mapping[str, str], name: str) -> str:
    """The cookie of this name; one without the prefix counts on plain loopback only."""
    sent = headers.get("cookie", "")
    if not sent or len(sent) > _LONGEST_COOKIES:
        return ""
    try:
        cookies = SimpleCookie(sent)
    except CookieError:
        return ""
    if secure := cookies.get(_PREFIX + name):
        return secure.value
    plain = cookies.get(name)
    host = parts_of(f"//{headers.get('host', '')}").hostname
    return plain.value if plain and host in _LOOPBACK else ""


def _set_cookie(url: str, name: str, value: str, seconds: int | None) -> str:
    plain = is_plain_loopback(url)
    parts = [
        f"{name if plain else _PREFIX + name}={value}",
        "Path=/",
        "HttpOnly",
        "SameSite=Strict",
    ]
    if not plain:
        parts.append("Secure")
    if seconds is not None:
        parts.append(f"Max-Age={seconds}")
    return "; ".join(parts)

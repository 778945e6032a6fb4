"""What the codes and words of a failed delivery say: against the address, the sender, or neither.

An address is only held to be a bad one if all that is said agrees. What the server of the domain
answered is judged as if it had answered us: see `classify`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from shared.bounces.report import Kind
from shared.smtp import bad_address
from shared.smtp.classify import classify
from shared.smtp.reply import Reply, Scope, Stage, Verdict

_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?!\.?\d)")
_REPLY = re.compile(r"(?:\A\W*|(?<=said: ))([45]\d\d)(?=[\s;:#-]|\Z)")
_REPLY_WITH_STATUS = re.compile(r"(?<![\d.])([45]\d\d)[ -]#?(?=[45]\.\d{1,3}\.\d)")
_POLICY = re.compile(
    r"spam|block(ed| ?list)|black ?list|\bdns?bl\b|\brbl\b|reputation|policy|policies|\bdmarc\b"
    r"|\bspf\b|\bdkim\b|banned|unsolicited|virus|malware|not authori[sz]ed|content rejected",
    re.IGNORECASE,
)
# Addresses, hosts in them and links, whatever words they are made of.
_NAMES = re.compile(r"\S*[@/]\S*")
_NOT_FOUND = re.compile(r"not found|does not exist|non-?existent|nxdomain|unknown", re.IGNORECASE)
_SAID_BY_ANOTHER = frozenset({"350", "351"})
_DENIED = re.compile(r"access denied", re.IGNORECASE)


class Failure(NamedTuple):
    """See `Finding`."""

    kind: Kind
    code: int | None
    enhanced_code: str | None
    needs_second: bool = False


def status_in(text: str) -> str | None:
    """The first enhanced status code (RFC 3463) that stands there."""
    found = _STATUS.search(text)
    return found[1] if found else None


def failure(status: str | None, words: str, recipient: str | None) -> Failure:
    """What a delivery failed for.

    `status`: the report's own code. `words`: the server's reply, or whatever was said instead.
    """
    code = _code_in(words)
    statuses = [each for each in (status, *_STATUS.findall(words)) if each is not None]
    telling = [each for each in statuses if not _is_general(each)]
    told = next(reversed(telling or statuses), None)
    security = next((each for each in statuses if each.startswith("5.7.")), None)
    if security is not None or _POLICY.search(_NAMES.sub(" ", words)):
        return Failure(Kind.POLICY, code, security or told)
    if any(each[0] != "5" for each in statuses) or (code is not None and code < 500):
        return Failure(Kind.SOFT, code, told)
    answered = _as_answered(code, words, told, recipient)
    if answered.scope in (Scope.SENDER, Scope.ACCOUNT):
        return Failure(Kind.POLICY, code, told)
    if not answered.permanent:
        return Failure(Kind.SOFT, code, told)
    if set(telling) == {bad_address.ON_ANOTHER_DAY_TOO} and _DENIED.search(words):
        return Failure(Kind.HARD, code, told, needs_second=True)
    if not telling or not all(_is_of_the_address(each, words) for each in telling):
        return Failure(Kind.SOFT, code, told)
    is_hard = code is None or answered.suppress or told not in bad_address.AT_RCPT
    return Failure(Kind.HARD if is_hard else Kind.SOFT, code, told)


def _as_answered(
    code: int | None, words: str, status: str | None, recipient: str | None
) -> Verdict:
    """What the reply would have meant to us; of words that are no reply, nothing."""
    if code is None:
        return Verdict(Scope.RECIPIENT, permanent=True)
    reply = Reply(code, words, status)
    return classify(reply, Stage.RCPT, recipient=recipient or "", accepted_before=True)


def _is_of_the_address(status: str, words: str) -> bool:
    """Not found is the domain, or a way there that somebody forgot to set up."""
    if status == bad_address.NO_SUCH_DOMAIN:
        return _NOT_FOUND.search(words) is not None
    return status in bad_address.IN_A_REPORT


def _is_general(status: str) -> bool:
    """Says that it failed and not at what (5.0.0), or is Exchange's for what another server said
    (5.0.350, 5.1.351)."""
    _, subject, detail = status.split(".")
    return subject == "0" or detail in _SAID_BY_ANOTHER


def _code_in(words: str) -> int | None:
    found = _REPLY.search(words) or _REPLY_WITH_STATUS.search(words)
    return int(found[1]) if found else None

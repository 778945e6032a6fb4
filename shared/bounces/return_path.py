"""The address that an email's bounces come back to, and whose email it names (VERP).

Of an account with the bounce address `bounces@example.com` an email leaves with the MAIL FROM
`bounces+<token>@example.com`: the server that can't deliver writes to it (RFC 5321 3.6.3), whatever
else it says or leaves out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_TOKEN = re.compile(r"\+([a-z2-7]{24})@", re.IGNORECASE)


def tokens_in(addresses: Iterable[str]) -> Iterator[str]:
    """What may be tokens in these addresses, or in lists of them; unverified, in small letters."""
    return (found.lower() for each in addresses for found in _TOKEN.findall(each))

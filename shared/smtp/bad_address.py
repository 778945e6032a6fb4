"""Status codes that say: this address is a bad one, and will be tomorrow (RFC 3463)."""

from __future__ import annotations

AT_RCPT = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"})
"""No such mailbox, system, syntax; moved; no mail there (RFC 7505). What the server of the domain
answers to its address."""
NO_SUCH_DOMAIN = "5.4.4"
"""Or no way there: the words tell."""
IN_A_REPORT = AT_RCPT | {"5.2.1", NO_SUCH_DOMAIN, "5.4.310"}
"""And what only comes back later: the mailbox is disabled, the domain is not there (the last in
Exchange's words). At RCPT these may be about the way there, and the address stays."""
ON_ANOTHER_DAY_TOO = "5.4.1"
"""Exchange Online's "Access denied": mostly no such recipient, at times its tenant's own fault."""

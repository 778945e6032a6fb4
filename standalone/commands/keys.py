"""`rowpost keys`: the keys of programs, without what would let anybody use them."""

from __future__ import annotations

from standalone.commands.shown import print_json, print_table
from standalone.commands.verb import as_json, verb

_AT_ONCE = 500


@verb(name="keys")
@as_json
def command(as_json: bool) -> int:
    """List the keys by number."""
    from functions.keys import KeyPage, details
    from shared.app import application

    kept, after = [], 0
    while page := application().keys.page(after, _AT_ONCE):
        kept.extend(page)
        after = page[-1].id
    if as_json:
        print_json(KeyPage(items=[details(key) for key in kept], next_cursor=None))
        return 0
    print_table(
        ("ID", "STATE", "ROLE", "ACCOUNT", "LAST USED", "NAME"),
        [
            (
                key.id,
                f"revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else "good",
                key.role,
                key.account_id,
                key.last_used_at,
                key.name,
            )
            for key in kept
        ],
    )
    return 0

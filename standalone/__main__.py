"""`python -m standalone`: the whole service on one machine, and the operator's commands."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from shared.configuration.private_file import private_folder
from shared.errors import RowpostError
from shared.security.roles import Role
from shared.settings import misspelled, read_local_settings, settings
from standalone import commands

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, or 1 after one line that says why."""
    chosen = _parser().parse_args(arguments)
    try:
        read_local_settings(ROOT)
        for line in misspelled(os.environ):
            print(f"rowpost: {line}", file=sys.stderr)
        os.umask(0o077)
        private_folder(settings().data)
        return int(chosen.command(chosen))
    except RowpostError as error:
        for line in str(error).splitlines():
            print(f"rowpost: {line}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read the output (`| head`) has had enough; nothing more may be flushed to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m standalone",
        description="Insert a row, an email is sent. Without a command: run the service.",
    )
    parser.set_defaults(command=commands.run, root=ROOT)
    choices = parser.add_subparsers(title="commands", metavar="COMMAND")

    catcher = choices.add_parser("catcher", help="run the mail catcher alone")
    catcher.set_defaults(command=commands.catcher)

    migrate = choices.add_parser("migrate", help="bring the database's tables up to date")
    migrate.add_argument("--sql", action="store_true", help="print the SQL and change nothing")
    migrate.add_argument(
        "--from",
        dest="start",
        metavar="VERSION",
        help="print it for a database of this version, or 'none', without asking the database",
    )
    migrate.set_defaults(command=commands.migrate)

    doctor = choices.add_parser(
        "doctor", help="say what stands in the way of working on the tables that are there"
    )
    doctor.add_argument("--json", action="store_true", help="as GET /api/adoption answers it")
    doctor.set_defaults(command=commands.doctor)

    send = choices.add_parser("send", help="insert an email and print its number")
    send.add_argument("--to", required=True, help="addresses, separated by ; or ,")
    send.add_argument("--cc")
    send.add_argument("--bcc")
    send.add_argument("--subject", required=True)
    send.add_argument("--body", required=True)
    send.add_argument("--html", action="store_true", help="the body is HTML")
    send.add_argument("--attach", type=Path, metavar="FILE")
    send.add_argument("--account", metavar="CODE", help="the account to send it with")
    send.add_argument("--priority", type=int, choices=range(1, 6), help="1 is first, 3 is usual")
    send.add_argument("--immediate", action="store_true", help="do not wait for the window")
    send.set_defaults(command=commands.send)

    queue = choices.add_parser("queue", help="count the emails by state")
    queue.set_defaults(command=commands.queue)

    resolve = choices.add_parser("resolve", help="decide about an email whose outcome is unknown")
    resolve.add_argument("id", type=int)
    resolve.add_argument("decision", choices=["resend", "sent"])
    resolve.set_defaults(command=commands.resolve)

    passwords = choices.add_parser(
        "move-passwords", help="move plain passwords from the accounts table into the secret store"
    )
    passwords.set_defaults(command=commands.move_passwords)

    imported = choices.add_parser("import-keys", help="take over key,email,app_password from CSV")
    imported.add_argument("file", type=Path, metavar="FILE")
    imported.set_defaults(command=commands.import_keys)

    make_key = choices.add_parser("make-key", help="make a key for a program and print it, once")
    make_key.add_argument("name", help="what it is for")
    make_key.add_argument("--account", type=int, required=True, metavar="ID", help="its account")
    make_key.add_argument("--role", choices=list(Role), default=Role.SERVICE, type=Role)
    make_key.set_defaults(command=commands.make_key)

    keys = choices.add_parser("keys", help="list the keys")
    keys.set_defaults(command=commands.keys)

    revoke_key = choices.add_parser("revoke-key", help="end a key")
    revoke_key.add_argument("id", type=int)
    revoke_key.set_defaults(command=commands.revoke_key)
    return parser


if __name__ == "__main__":
    sys.exit(main())

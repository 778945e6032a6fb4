"""An address has the same outcome by the API and by a row, for the whole table of addresses."""

from __future__ import annotations

import pytest

from shared.mime.addresses import BadAddress, parse_recipients
from shared.submissions.submission import InvalidEmail, Origin, Submission
from shared.submissions.validate import judge
from tests.mime.address_cases import REFUSED, TAKEN, Refused, Taken

ONE_ADDRESS = [case for case in TAKEN if len(case.mailboxes) == 1]


def submitted(address: str) -> Submission:
    return Submission(
        recipients=[address],
        sender=parse_recipients("shop@example.com")[0],
        reply_to=address,
        subject="Hello",
        text="Hi",
        origin=Origin.API,
    )


@pytest.mark.parametrize("case", ONE_ADDRESS, ids=lambda case: case.written)
def test_what_a_row_may_name_the_api_takes_and_writes_into_a_row(case: Taken) -> None:
    email = judge(submitted(case.written))

    assert parse_recipients(email.to) == case.mailboxes == parse_recipients(case.written)
    assert parse_recipients(email.reply_to) == case.mailboxes


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.written)
def test_what_a_row_may_not_name_the_api_refuses_for_the_same_reason(case: Refused) -> None:
    with pytest.raises(InvalidEmail) as by_api:
        judge(submitted(case.written))
    with pytest.raises(BadAddress) as by_row:
        parse_recipients(case.written)

    assert by_row.value.reason in str(by_api.value)

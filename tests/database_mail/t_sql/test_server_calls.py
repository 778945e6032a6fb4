"""Calls as people write them go on unchanged but for `msdb.dbo.`, which becomes `dbo.`."""

from __future__ import annotations

import pytest

from tests.database_mail.t_sql.caller import Caller, number_of
from tests.database_mail.t_sql.calls import HABITS, PLAIN, WITH_QUERY, Call


def queued(caller: Caller) -> int:
    return int(caller.value("SELECT COUNT(*) FROM dbo.sysmail_unsentitems"))


@pytest.mark.parametrize("call", PLAIN, ids=[call.name for call in PLAIN])
def test_a_plain_call_queues_its_email(caller: Caller, call: Call) -> None:
    if call.number is None:
        caller.run(call.here)
    else:
        with pytest.raises(Caller.Error, match="Rowpost_Attachments") as refusal:
            caller.run(call.here)
        assert number_of(str(refusal.value)) == call.number

    assert queued(caller) == (call.number is None)


@pytest.mark.parametrize("call", HABITS, ids=[call.name for call in HABITS])
def test_what_people_do_around_it_goes_on(caller: Caller, call: Call) -> None:
    caller.run(call.here)

    assert queued(caller) == 1


@pytest.mark.parametrize("call", WITH_QUERY, ids=[call.name for call in WITH_QUERY])
def test_a_call_with_a_query_queues_its_email(caller: Caller, call: Call) -> None:
    try:
        caller.run(call.here)
    except Caller.Error as error:
        if "dm_exec_describe_first_result_set" in str(error):
            pytest.skip("this server does not tell what columns a query gives")
        raise

    assert queued(caller) == 1

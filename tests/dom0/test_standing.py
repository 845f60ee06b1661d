# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How a volume stands: the first of the states that is true."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from wyng_dom0.engine.left_out import Plan
from wyng_dom0.engine.standing import Facts, Standing, judge
from wyng_dom0.state.choices import Choices
from wyng_dom0.state.seen_volumes import SeenVolume
from wyng_dom0.state.tried_sends import Tried

NOW = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)
DAY = timedelta(days=1)
SEEN = SeenVolume("00" * 16, "a", 3, "20261120-120000", 3, NOW - 6 * DAY, 9)
SENT = Tried(sent=NOW - timedelta(hours=1))
GOOD = Facts(True, False, True, NOW - 30 * DAY, SEEN, SENT)


@pytest.mark.parametrize(
    "changed, state",
    [
        ({}, Standing.OK),
        ({"present": None}, Standing.OK),
        ({"present": False}, Standing.MISSING),
        ({"excluded": True}, Standing.EXCLUDED),
        ({"tried": Tried(NOW - DAY, NOW, "why")}, Standing.FAILED),
        ({"seen": None}, Standing.NEVER),
        ({"seen": replace(SEEN, sessions=0)}, Standing.NEVER),
        ({"seen": None, "tried": Tried(), "was_open": False}, Standing.UNKNOWN),
        ({"tried": Tried(sent=NOW - 2 * DAY)}, Standing.OK),
        (
            {"tried": Tried(sent=NOW - 2 * DAY - timedelta(seconds=1))},
            Standing.OVERDUE,
        ),
        ({"tried": Tried()}, Standing.OVERDUE),
    ],
)
def test_state_is_the_first_that_is_true(
    changed: "dict[str, object]", state: Standing
) -> None:
    assert judge(replace(GOOD, **changed), DAY, NOW) is state


def test_unchanged_volume_is_not_overdue_for_its_old_session() -> None:
    assert GOOD.seen is not None and GOOD.seen.time is not None
    assert NOW - GOOD.seen.time > 2 * DAY
    assert judge(GOOD, DAY, NOW) is Standing.OK


def test_time_that_is_yet_to_come_says_nothing() -> None:
    ahead = replace(SEEN, time=NOW + DAY)
    facts = replace(GOOD, seen=ahead, tried=Tried(sent=NOW + DAY))
    assert judge(facts, DAY, NOW) is Standing.OVERDUE
    assert judge(replace(facts, since=NOW), DAY, NOW) is Standing.OK


def test_choice_of_a_volume_goes_before_patterns_and_ticks() -> None:
    plan = Plan(Choices(("work:private",), ("*:root",)), {"work", "vault"})
    assert not plan.leaves_out("work:private")
    assert plan.leaves_out("work:root") and plan.leaves_out("mail:root")
    assert plan.leaves_out("vault:private")
    assert not plan.leaves_out("mail:private")
    assert plan.takes("work:private", ())
    assert not plan.takes("mail:private", ())
    assert plan.takes("mail:private", ["mail:private"])

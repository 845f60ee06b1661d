# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a dry run says that stays, stays, however the rest goes."""

from datetime import datetime, timedelta, timezone

import pytest

from product.machine import OFF, Machine
from wyng_dom0.cli import main as cli

FIRST = datetime(2026, 1, 5, tzinfo=timezone.utc)
# Many on one day that is old enough to be thinned.
DAY = [FIRST + timedelta(hours=2 * each) for each in range(11)]
LATER = FIRST + timedelta(days=90)
RULES = "--apdays=0:62:1:4"


def test_room_is_made_of_what_the_dry_run_named(
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", None)
    machine.init(*OFF)
    for at, moment in enumerate([*DAY, LATER]):
        monkeypatch.setattr(cli, "local_time", lambda now=moment: now)
        machine.write("a", bytes([at]))
        words = (f"--meta-dir={machine.state}", "send", "a")
        assert cli.main(words) == 0
    sessions = machine.sessions("a")
    told, _ = machine.objects("prune", "--autoprune=full", RULES, "--dry-run")
    stays = [each["session"] for each in told["kept"]]
    goes = [each["session"] for each in told["removed"]]
    # More than one round of three, and then of six.
    assert len(goes) == 7 and sorted(goes + stays) == sorted(sessions)
    words = ("prune", "--autoprune=on", RULES, "--min-free-space=900P")
    done, _ = machine.objects(*words, "--force")
    assert machine.sessions("a") == [s for s in sessions if s in stays]
    assert [each["session"] for each in done["removed"]] == goes

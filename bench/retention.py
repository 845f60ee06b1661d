#!/usr/bin/env python3
# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How long rules take over many sessions, in processor seconds.

    python bench/retention.py [SESSIONS [VOLUMES]]     (default 100,000 of 10)

Hourly sessions of all volumes in step; the goal is under one second.
"""

import sys
import time
from datetime import datetime, timezone
from typing import Dict, List

from wyng_dom0.archive.session import Session, State
from wyng_dom0.engine.retention import judge
from wyng_dom0.rules import ApDays, Rules

SETS = {
    "apdays 0:62:1:2": Rules(),
    "apdays 400:31:7:3": Rules(apdays=ApDays(400, 31, 7, 3)),
    "last 9, hourly 24, daily 7, weekly 5, monthly 12, yearly 9": Rules(
        last=9, hourly=24, daily=7, weekly=5, monthly=12, yearly=9
    ),
    "within 30d": Rules(within=30 * 86400),
}


def hourly(count: int) -> List[Session]:
    """So many sessions, an hour apart."""
    return [
        Session(
            sequence=number + 1,
            time_ns=(1_700_000_000 + 3600 * number) * 10**9,
            offset=3600,
            size=1 << 30,
            mode=0o600,
            uid=0,
            gid=0,
            mtime_ns=0,
            changed=0,
            root=None,
            state=State.CLEAN,
        )
        for number in range(count)
    ]


def main(sessions: int, volumes: int) -> None:
    """Print one line for each set of rules."""
    some = hourly(sessions // volumes)
    everything: Dict[str, List[Session]] = {
        f"v{number}": some for number in range(volumes)
    }
    now = datetime.now(timezone.utc)
    for name, rules in SETS.items():
        begun = time.process_time()
        found = judge(everything, [*everything], lambda _, r=rules: r, [], now)
        taken = time.process_time() - begun
        kept = sum(v.keep for each in found.volumes for v in each.verdicts)
        print(f"{taken:6.2f} s CPU  {kept:7} of {sessions} stay  {name}")


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 100_000,
        int(sys.argv[2]) if len(sys.argv) > 2 else 10,
    )

# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`watch`: what runs tell, passed on as it comes.

Reads this machine's state alone. With --json all is passed on; for people,
how far a run is is told only when it got further by some percent.
"""

from wyng_dom0.commands.context import Context
from wyng_dom0.commands.reports import RunTold
from wyng_dom0.runs.joining import Told, Watch
from wyng_dom0.runs.run_files import find_run

_PERCENT = 5


def run(context: Context) -> None:
    """Watch one run to its end, or all of them until nobody listens."""
    names = context.options.names
    only = find_run(context.places, names[0]) if names else None
    watch = Watch(context.places, only, context.audience.leaving)
    shown: dict[str, int] = {}
    for told in watch.told():
        if not context.audience.is_there():
            return
        if told is None:
            continue
        name, what = told
        if context.options.json or _is_new(shown, name, what):
            context.report(RunTold(name, what))


def _is_new(shown: dict[str, int], run: str, told: Told) -> bool:
    """Is it worth a line? Of progress only every few percent are."""
    if told.get("event") != "overall":
        return told.get("event") != "progress"
    done, total = told.get("done_bytes"), told.get("total_bytes")
    if not isinstance(done, int) or not isinstance(total, int) or not total:
        return False
    step = 100 * done // total // _PERCENT
    if shown.get(run) == step:
        return False
    shown[run] = step
    return True

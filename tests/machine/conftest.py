# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The tests of guest/ run in a virtual machine, and are told of here.

Outside, pytest collects them as always, but instead of running the first one
starts the machine with all that were selected; each is then reported as it
was reported inside, with its own name and traceback. Inside they just run.
"""

import os
from pathlib import Path
from typing import Any, List, Optional

import pytest

from machine import boot

INSIDE = "WYNG_IN_MACHINE" in os.environ
GUEST = Path(__file__).resolve().with_name("guest")
OUTCOME = pytest.StashKey[boot.Outcome]()
TOLD = pytest.StashKey[bool]()
NEVER_RAN = "the machine ended before this test did"


def _is_guest(item: pytest.Item) -> bool:
    return GUEST in Path(item.path).resolve().parents


if not INSIDE:

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(
        item: pytest.Item, nextitem: Optional[pytest.Item]
    ) -> Optional[bool]:
        """Tell what the machine said of this test."""
        if not _is_guest(item):
            return None
        hook, where = item.ihook, {"nodeid": item.nodeid}
        hook.pytest_runtest_logstart(**where, location=item.location)
        for report in _reports(item):
            hook.pytest_runtest_logreport(report=report)
        hook.pytest_runtest_logfinish(**where, location=item.location)
        return True


def _reports(item: pytest.Item) -> List[Any]:
    reason = boot.why_not()
    if reason:
        return [_skipped(item, reason)]
    outcome = _outcome(item)
    found = [
        item.config.hook.pytest_report_from_serializable(
            config=item.config, data=data
        )
        for data in outcome.reports.get(item.nodeid, [])
    ]
    if "teardown" not in [report.when for report in found]:
        found.append(_report(item, "failed", _never_ran(item, outcome)))
    return found


def _never_ran(item: pytest.Item, outcome: boot.Outcome) -> str:
    """With the console's end, for the first of them."""
    if item.config.stash.get(TOLD, False):
        return NEVER_RAN
    item.config.stash[TOLD] = True
    return f"{NEVER_RAN}; its console:\n{outcome.console}"


def _outcome(item: pytest.Item) -> boot.Outcome:
    """From the one start of the machine, which the first test causes."""
    stash = item.config.stash
    if OUTCOME not in stash:
        tests = [each.nodeid for each in item.session.items if _is_guest(each)]
        factory: Any = item.config._tmp_path_factory  # type: ignore
        stash[OUTCOME] = boot.run_inside(tests, factory.mktemp("machine"))
    return stash[OUTCOME]


def _skipped(item: pytest.Item, reason: str) -> pytest.TestReport:
    if os.environ.get("CI") == "true":
        return _report(item, "failed", f"skipped where CI=true: {reason}")
    return _report(item, "skipped", (str(item.path), 0, f"Skipped: {reason}"))


def _report(item: pytest.Item, outcome: Any, longrepr: Any) -> Any:
    return pytest.TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords={},
        outcome=outcome,
        longrepr=longrepr,
        when="call",
    )

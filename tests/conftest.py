# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What every test run does: say loudly what was skipped, and why.

With CI=true a skipped test is a failed one: a machine that can't run a test
proves nothing about it. Works on Python 3.9, which the store's tests run on.
"""

import os
from typing import Any, Dict, Iterator, List

import pytest


def skips_fail() -> bool:
    """True where a skip must count as a failure."""
    return os.environ.get("CI") == "true"


def _reason(report: Any) -> str:
    longrepr = report.longrepr
    text = longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
    return str(text).replace("Skipped: ", "", 1)


def _fail_if_skipped(report: Any) -> None:
    if report.skipped and not hasattr(report, "wasxfail") and skips_fail():
        report.longrepr = f"skipped where CI=true: {_reason(report)}"
        report.outcome = "failed"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Iterator[None]:
    outcome: Any = yield
    _fail_if_skipped(outcome.get_result())


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector: Any) -> Iterator[None]:
    outcome: Any = yield
    _fail_if_skipped(outcome.get_result())


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Each reason once, with the tests it kept from running."""
    by_reason: Dict[str, List[str]] = {}
    for report in terminalreporter.stats.get("skipped", []):
        by_reason.setdefault(_reason(report), []).append(report.nodeid)
    if not by_reason:
        return
    count = sum(len(names) for names in by_reason.values())
    terminalreporter.section(f"NOT RUN: {count} TESTS", sep="!", red=True)
    for reason, names in sorted(by_reason.items()):
        terminalreporter.line(f"{reason}:", yellow=True)
        for name in names:
            terminalreporter.line(f"    {name}")

# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs pytest in the virtual machine and writes down each report."""

import json
import os
import sys
from pathlib import Path
from typing import Any, List

import pytest


class Scribe:
    """Writes every report as a line, at once: the machine may be killed."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "w", encoding="utf-8")
        self._config: Any = None

    def pytest_configure(self, config: Any) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: Any) -> None:
        data = self._config.hook.pytest_report_to_serializable(
            config=self._config, report=report
        )
        self._file.write(json.dumps(data) + "\n")
        self._file.flush()


def main() -> int:
    """Run the tests that the host asked for."""
    folder = Path(os.environ["WYNG_IN_MACHINE"])
    passed = json.loads((folder / "environment.json").read_text())
    os.environ.update({name: each for name, each in passed.items() if each})
    tests: List[str] = json.loads((folder / "tests.json").read_text())
    words = ["-p", "no:cacheprovider", "-q", "--durations=0", "-o"]
    words += ["faulthandler_timeout=120", "--basetemp=/run/hot/work/pytest"]
    # No window in there, and its libraries come over the slow root.
    words += ["-p", "no:pytest-qt"]
    return pytest.main([*words, *tests], plugins=[Scribe(folder / "reports")])


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How long the window takes over a large archive, in seconds on the wall.

    python bench/windows.py [DIRECTORY]        (default: a temporary one)

A real archive of 500 volumes with 40 sessions each, 20,000 in all, and the
real engine. From the start of the process: until the window is painted
(goal 1 s), until its table is (`overview` in between), then a page of the
table scrolled and painted; and the sessions window of a volume with all of
20,000 sessions. Each in a process of its own, medians of five. Without a
screen (QT_QPA_PLATFORM=offscreen). Says the load before it begins.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, Dict, List

from commands import Bench, fill_histories

VOLUMES, SESSIONS = 500, 40
PAGES = 40
_ROUNDS = 5
_WAIT_SECONDS = 120
_ENGINE = "import sys; from wyng_dom0.cli.main import main; sys.exit(main())"


def main() -> int:
    """Make the archives, measure, print."""
    if sys.argv[1:2] == ["--window"]:
        return _measure(sys.argv[2], float(sys.argv[3]), sys.argv[4])
    print(f"load: {os.getloadavg()[0]:.2f}")
    with tempfile.TemporaryDirectory() as made:
        root = Path(sys.argv[1]) if sys.argv[1:] else Path(made)
        wide = _archive(root / "wide", VOLUMES, SESSIONS)
        deep = _archive(root / "deep", 1, VOLUMES * SESSIONS)
        engine = [wide.run("overview") for _ in range(_ROUNDS)]
        print(f"{statistics.median(engine):7.3f} s  overview alone")
        _tell(wide, "table", ("window", "table", "page"))
        _tell(deep, "sessions", ("sessions",))
    return 0


def _archive(root: Path, volumes: int, sessions: int) -> Bench:
    bench = Bench(root)
    for number in range(volumes):
        image = bench.images / f"qube-{number}:private"
        image.touch()
        os.truncate(image, 1 << 30)
    fill_histories(bench, volumes, sessions)
    # Lists what is there, and notes it for `overview`.
    bench.run("list")
    return bench


def _tell(bench: Bench, what: str, names: "tuple[str, ...]") -> None:
    found: Dict[str, List[float]] = {name: [] for name in names}
    for _ in range(_ROUNDS + 1):
        words = ["--window", what, str(time.time()), str(bench.root / "state")]
        done = subprocess.run(
            [sys.executable, __file__, *words],
            env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
            stdout=subprocess.PIPE,
            # The platform without a screen tells what it can't do.
            stderr=subprocess.DEVNULL,
            check=True,
        )
        for name, seconds in json.loads(done.stdout).items():
            found[name].append(seconds)
    for name in names:
        # The first one read modules from the disk.
        print(f"{statistics.median(found[name][1:]):7.3f} s  {name}")


def _measure(what: str, began: float, state: str) -> int:
    """In a process of its own: what took how long since `began`."""
    from PyQt6.QtCore import QSettings
    from PyQt6.QtWidgets import QApplication

    from wyng_dom0.applet.application import Manager
    from wyng_dom0.applet.engine import Engine

    app = QApplication(["bench"])
    engine = Engine([sys.executable, "-c", _ENGINE, f"--meta-dir={state}"])
    kept = QSettings(f"{state}/window.ini", QSettings.Format.IniFormat)
    manager = Manager(engine, kept)
    manager.start(hidden=False)
    app.processEvents()
    manager.window.grab()
    found = {"window": time.time() - began}
    table = manager.window.view
    _until(app, lambda: table.filter.rowCount() > 0)
    manager.window.grab()
    found["table"] = time.time() - began
    if what == "sessions":
        found = {"sessions": _open_sessions(app, manager)}
    else:
        found["page"] = _scroll(app, table)
    print(json.dumps(found))
    sys.stdout.flush()
    os._exit(0)


def _until(app: "object", is_there: Callable[[], bool]) -> None:
    end = time.monotonic() + _WAIT_SECONDS
    while not is_there():
        app.processEvents()  # type: ignore[attr-defined]
        time.sleep(0.001)
        if time.monotonic() > end:
            raise SystemExit("it never came")


def _scroll(app: "object", table: "object") -> float:
    """Seconds for one page, painted."""
    bar = table.verticalScrollBar()  # type: ignore[attr-defined]
    began = time.perf_counter()
    for page in range(PAGES):
        bar.setValue(bar.maximum() * page // PAGES)
        app.processEvents()  # type: ignore[attr-defined]
        table.grab()  # type: ignore[attr-defined]
    return (time.perf_counter() - began) / PAGES


def _open_sessions(app: "object", manager: "object") -> float:
    """From the double click to the painted list."""
    from PyQt6.QtWidgets import QAbstractItemView, QApplication

    window = manager.window  # type: ignore[attr-defined]
    window.view.selectRow(0)
    began = time.perf_counter()
    window.deeds["sessions"].trigger()

    def views() -> "List[QAbstractItemView]":
        return [
            each
            for top in QApplication.topLevelWidgets()
            if top.objectName() == "sessions-window"
            for each in top.findChildren(QAbstractItemView)
        ]

    def rows() -> int:
        models = [each.model() for each in views()]
        return max((m.rowCount() for m in models if m is not None), default=0)

    _until(app, lambda: rows() >= VOLUMES * SESSIONS)
    for top in QApplication.topLevelWidgets():
        if top.isVisible():
            top.grab()
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())

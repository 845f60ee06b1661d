# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Nothing that a test began is there when the next one begins."""

import sys
from pathlib import Path

from pytestqt.qtbot import QtBot

from applet.conftest import WAIT
from applet.ending import end_calls
from wyng_dom0.applet.engine import Engine

# Ends in order when it is told to, which takes a moment.
LASTS = """
import pathlib, signal, sys, time
def end(*_):
    time.sleep(0.5)
    pathlib.Path(sys.argv[-1]).write_text("ended")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("{}", flush=True)
while True:
    signal.pause()
"""


def test_calls_are_over_when_their_test_is(
    qtbot: QtBot, tmp_path: Path
) -> None:
    engine = Engine([sys.executable, "-c", LASTS])
    files = [tmp_path / name for name in "abc"]
    calls = [engine.call([str(each)]) for each in files]
    with qtbot.waitSignals([call.said for call in calls], timeout=WAIT):
        pass
    # No end makes another call, as that of a window's question would.
    for call in calls:
        call.ended.connect(lambda _: engine.call([str(tmp_path / "d")]))
    end_calls(engine)
    assert [each.read_text() for each in files] == ["ended"] * 3
    assert all(call.is_over for call in calls)
    assert not (tmp_path / "d").exists()


def test_call_that_never_started_is_over_too(qapp: object) -> None:
    engine = Engine(["/nowhere/qvm-wyng"])
    call = engine.call(["overview"])
    end_calls(engine)
    assert call.is_over

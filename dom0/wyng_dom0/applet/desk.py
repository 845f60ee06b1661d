# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is known now, for all windows: the engine's reports and its runs.

Owns the standing `watch` and when reports are asked for anew. Draws nothing
and decides nothing: who shows something connects to a signal, who does
something makes a call.
"""

import time
from typing import Dict, List, Optional

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from wyng_dom0.applet import command_lines
from wyng_dom0.applet.engine import Call, Engine, Object, Outcome
from wyng_dom0.applet.problem import AUTHENTICATION
from wyng_dom0.applet.runs import Run, folded

REFRESH_SECONDS = 60
# Several runs that end together ask once.
_SETTLE_MILLISECONDS = 300
_WATCH_AGAIN_SECONDS = (1, 5, 30)
_OVER_KEPT = 20
_OWN_MILLISECONDS = 10_000


class Desk(QObject):
    """The reports as they came last, and every run as it stands.

    `status` is the engine's `overview`, `requests` its `requests list`.
    Three signals that end in `_changed` say that something is new;
    `run_ended` gives the run, once; `trouble` an Outcome of a report that
    could not be had, "" in its `error` when it can again.
    """

    status_changed = pyqtSignal()
    requests_changed = pyqtSignal()
    runs_changed = pyqtSignal()
    run_ended = pyqtSignal(object)
    trouble = pyqtSignal(object)

    def __init__(
        self, engine: Engine, parent: Optional[QObject] = None
    ) -> None:
        super().__init__(parent)
        self.engine = engine
        self.status: Object = {}
        self.requests: Object = {}
        self.runs: Dict[str, Run] = {}
        self._asking: Optional[Call] = None
        self._ask_again = False
        self._watch: Optional[Call] = None
        self._watch_fails = 0
        self._own: List[Call] = []
        engine.called.connect(self._note_call)
        self._closing = False
        self._timer = QTimer(self)
        self._timer.setInterval(REFRESH_SECONDS * 1000)
        self._timer.timeout.connect(self.refresh)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SETTLE_MILLISECONDS)
        self._soon.timeout.connect(self.refresh)

    def start(self) -> None:
        """Ask for everything, and go on watching."""
        self._timer.start()
        self.refresh()
        self.start_watch()

    def close(self) -> None:
        """End what stands; runs go on without us."""
        self._closing = True
        self._timer.stop()
        self._soon.stop()
        if self._watch is not None:
            self._watch.close_input()
            self._watch.wait(2000)

    def refresh(self) -> None:
        """Ask for the reports anew; one question at a time."""
        if self._asking is not None:
            self._ask_again = True
            return
        self._asking = self.engine.call(command_lines.overview())
        self._asking.ended.connect(self._take_status)

    def refresh_soon(self) -> None:
        """The same, once for all that ask within a moment."""
        if not self._closing:
            self._soon.start()

    def live_runs(self) -> "list[Run]":
        """The runs that are not over, in the order they were seen."""
        return [run for run in self.runs.values() if not run.is_over]

    def _take_status(self, outcome: Outcome) -> None:
        self._asking = None
        self.trouble.emit(outcome)
        if outcome.good:
            self.status = outcome.report("overview")
            self.status_changed.emit()
            self._ask_for_requests()
        if self._ask_again and not self._closing:
            self._ask_again = False
            self._soon.start()

    def _ask_for_requests(self) -> None:
        """Where there are qubes, some may ask for restores."""
        if not self.status.get("qubes"):
            return
        call = self.engine.call(command_lines.requests())
        call.ended.connect(self._take_requests)

    def _take_requests(self, outcome: Outcome) -> None:
        # What fails is in the log; the next minute asks again.
        if outcome.good:
            self.requests = outcome.report("requests")
            self.requests_changed.emit()

    def start_watch(self) -> None:
        """Listen to all runs, again when whoever passes them on ends."""
        if self._closing:
            return
        self._watch = self.engine.call(command_lines.watch(), stays_open=True)
        self._watch.said.connect(self._hear)
        self._watch.ended.connect(self._lose_watch)

    def _lose_watch(self, outcome: Outcome) -> None:
        self._watch = None
        if self._closing:
            return
        # Their ends may be missed; those that live are told again.
        for run in self.live_runs():
            del self.runs[run.name]
        self.runs_changed.emit()
        waits = _WATCH_AGAIN_SECONDS
        seconds = waits[min(self._watch_fails, len(waits) - 1)]
        self._watch_fails += 1
        QTimer.singleShot(seconds * 1000, self.start_watch)

    def _hear(self, said: Object) -> None:
        if not said.get("run"):
            return
        self._watch_fails = 0
        run = folded(self.runs, said, time.monotonic())
        if self._is_asked_for(run):
            self.runs.pop(run.name, None)
            self.runs_changed.emit()
            return
        was_over = run.name in self.runs and self.runs[run.name].is_over
        self.runs[run.name] = run
        if run.is_over and not was_over:
            self._forget_old()
            self.run_ended.emit(run)
            self.refresh_soon()
        self.runs_changed.emit()

    def _note_call(self, call: Call) -> None:
        self._own.append(call)
        call.ended.connect(lambda _: self._drop_call_later(call))

    def _drop_call_later(self, call: Call) -> None:
        """What its run said may come after its own end."""
        QTimer.singleShot(_OWN_MILLISECONDS, lambda: self._own.remove(call))

    def _is_asked_for(self, run: Run) -> bool:
        """Is it a try of ours that lacked the key? The user is asked for it,
        and no end of a run is told."""
        if run.code != AUTHENTICATION or run.volumes:
            return False
        return any(run.command in call.words for call in self._own)

    def _forget_old(self) -> None:
        over = [name for name, run in self.runs.items() if run.is_over]
        for name in over[:-_OVER_KEPT]:
            del self.runs[name]

# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs `qvm-wyng --json` and passes on what it says, object by object.

Owns the processes. Knows no command and shows nothing. Never waits: what a
call says comes as signals of the event loop's thread.
"""

import json
from dataclasses import dataclass
from typing import Any, Dict, Optional, Sequence, Tuple

from PyQt6.QtCore import QObject, QProcess, QTimer, pyqtSignal

from wyng_dom0.applet.wording import tr

Object = Dict[str, Any]

# A list of twenty thousand sessions takes some eight megabytes.
LINE_BYTES_MAX = 64 << 20
STDERR_BYTES_MAX = 64 << 10
NOT_STARTED = -1


@dataclass(frozen=True)
class Outcome:
    """How a call ended.

    `code` is the engine's exit code, NOT_STARTED where there was none.
    `error` is its one sentence, "" where all went well. `reports` are the
    objects with a `kind`, in order. `details` is for "copy details".
    """

    code: int
    error: str = ""
    cancelled: bool = False
    reports: Tuple[Object, ...] = ()
    details: str = ""

    @property
    def good(self) -> bool:
        """True when all that was asked for was done."""
        return self.code == 0

    def report(self, kind: str) -> Object:
        """The last report of this kind; {} where there is none."""
        found = [each for each in self.reports if each.get("kind") == kind]
        return found[-1] if found else {}


class Call(QObject):
    """One process of the engine, from its start to its end.

    `said` comes for each object as it is said, `ended` once, at last. The
    call lives until it has ended, whoever holds it.
    """

    said = pyqtSignal(dict)
    ended = pyqtSignal(object)

    def __init__(
        self,
        program: Sequence[str],
        words: Sequence[str],
        secret: Optional[bytes],
        *,
        stays_open: bool,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self.words = tuple(words)
        self._line = bytearray()
        self._stderr = bytearray()
        self._reports: list[Object] = []
        self._error: Object = {}
        self._over = False
        self._process = QProcess(self)
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.readyReadStandardError.connect(self._read_stderr)
        self._process.finished.connect(self._finish)
        self._process.errorOccurred.connect(self._fail)
        self._process.start(program[0], [*program[1:], *words])
        if secret is not None:
            self._process.write(secret + b"\n")
        if not stays_open:
            self._process.closeWriteChannel()

    @property
    def is_over(self) -> bool:
        """True from the moment `ended` is said."""
        return self._over

    def close_input(self) -> None:
        """End standard input, which ends a `watch`."""
        self._process.closeWriteChannel()

    def terminate(self) -> None:
        """SIGTERM: an end in order, where the process is ours to signal."""
        self._process.terminate()

    def wait(self, milliseconds: int) -> bool:
        """Wait for the end; for the program's own end and for tests only."""
        return self._over or self._process.waitForFinished(milliseconds)

    def _read(self) -> None:
        given = bytes(self._process.readAllStandardOutput().data())
        first, *lines = given.split(b"\n")
        # Only what is new is searched, or a long line costs its square.
        self._line += first
        for line in lines:
            self._take(bytes(self._line))
            self._line = bytearray(line)
        if len(self._line) > LINE_BYTES_MAX:
            self._line.clear()
            self._error = {"text": tr("the engine said too much at once")}
            self._process.kill()

    def _take(self, line: bytes) -> None:
        try:
            given = json.loads(line)
        except (ValueError, RecursionError):
            given = None
        if not isinstance(given, dict):
            return
        if given.get("event") == "error" and "replay" not in given:
            self._error = given
        if "kind" in given:
            self._reports.append(given)
        self.said.emit(given)

    def _read_stderr(self) -> None:
        self._stderr += bytes(self._process.readAllStandardError().data())
        del self._stderr[:-STDERR_BYTES_MAX]

    def _fail(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            # It may fail before who called could listen.
            sentence = tr("qvm-wyng can't be started")
            QTimer.singleShot(0, lambda: self._end(NOT_STARTED, sentence))

    def _finish(self, code: int, status: QProcess.ExitStatus) -> None:
        self._read()
        self._read_stderr()
        if status == QProcess.ExitStatus.NormalExit:
            self._end(code, "")
        else:
            self._end(NOT_STARTED, tr("qvm-wyng ended all of a sudden"))

    def _end(self, code: int, error: str) -> None:
        if self._over:
            return
        self._over = True
        stderr = self._stderr.decode("utf-8", "replace").strip()
        if code and not error:
            error = str(self._error.get("text") or stderr or f"code {code}")
        outcome = Outcome(
            code,
            error,
            self._error.get("cancelled") is True,
            tuple(self._reports),
            "\n".join(
                [f"qvm-wyng {' '.join(self.words)}", f"code {code}", error]
                + ([stderr] if stderr else [])
            ),
        )
        self.ended.emit(outcome)
        self.deleteLater()


class Engine(QObject):
    """Where calls are made.

    `program` is what starts qvm-wyng, with the options that go to each call.
    `called` is said of each call as it is made, for the log.
    """

    called = pyqtSignal(object)

    def __init__(
        self, program: Sequence[str], parent: Optional[QObject] = None
    ) -> None:
        super().__init__(parent)
        self.program = tuple(program)

    def call(
        self,
        words: Sequence[str],
        secret: Optional[bytes] = None,
        *,
        stays_open: bool = False,
    ) -> Call:
        """Start qvm-wyng with these words.

        `secret` is a passphrase, given on standard input: it is in no
        argument and no environment. `stays_open` leaves standard input open,
        as `watch` wants it.
        """
        call = Call(
            self.program,
            ("--json", "--unattended", *words),
            secret,
            stays_open=stays_open,
            parent=self,
        )
        self.called.emit(call)
        return call

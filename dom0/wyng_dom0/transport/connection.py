# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""One running store and the questions under way to it.

Owns the child process's pipes, a thread that reads answers, and the order
of questions. Many may be under way; answers come in their order.
"""

import queue
import threading
from types import TracebackType
from typing import Iterator, Optional, Sequence, Type

from wyng_common.messages import Header, Op, Status
from wyng_dom0.errors import DestinationError, Dom0Error, StreamEnded
from wyng_dom0.transport import keepalive
from wyng_dom0.transport.answers import Answer, AnswerReader
from wyng_dom0.transport.patience import Pace, Patience
from wyng_dom0.transport.questions import Bytes, QuestionWriter
from wyng_dom0.transport.reach import Reach
from wyng_dom0.transport.session_limit import SessionLimit
from wyng_dom0.transport.start import StoreProcess


class Question:
    """A request whose answers are still to come, in order."""

    def __init__(self, op: Op, tag: int, answers: "int | None") -> None:
        self.op = op
        self.tag = tag
        # How many answers come, or None when a last status ends them.
        self.answers = answers
        self.arrived: "queue.SimpleQueue[Answer | Dom0Error]"
        self.arrived = queue.SimpleQueue()

    def wait(self) -> Answer:
        """The next answer; raises DestinationError when none can come."""
        arrived = self.arrived.get()
        if isinstance(arrived, Dom0Error):
            # Whoever asks again gets the same error.
            self.arrived.put(arrived)
            raise arrived
        return arrived

    def wait_all(self) -> Iterator[Answer]:
        """Answers up to and with the last one."""
        while True:
            answer = self.wait()
            yield answer
            if answer.status is not Status.MORE:
                return


class Connection:
    """A context manager around a started store.

    Leaving it says BYE when all went well, and ends the store. When nothing
    was asked for `idle` seconds the store is told that we are alive. When
    the session's limit is over the store is ended, whatever it does: what
    waits for it fails, and snapshots are let go.
    """

    def __init__(
        self,
        process: StoreProcess,
        reach: Reach = Reach(),
        idle: float = keepalive.SECONDS,
    ) -> None:
        self._process = process
        self._limit = reach.session_limit
        patience = Patience(silence=reach.silence)
        # One for each direction.
        reading, writing = _pace(reach), _pace(reach)
        self._paces = [each for each in (reading, writing) if each]
        self._reader = AnswerReader(process.answers, patience, reading)
        self._writer = QuestionWriter(
            process.questions, patience, writing, self._check
        )
        self._asked: "queue.SimpleQueue[Question | None]" = queue.SimpleQueue()
        self._write_lock = threading.Lock()
        self._tag = 0
        self._broken: Optional[Dom0Error] = None
        self._thread = threading.Thread(
            target=self._read_answers, name="answers", daemon=True
        )
        self._keepalive = keepalive.Keepalive(lambda: self.ask(Op.ALIVE), idle)
        self._time_limit = SessionLimit(
            self._limit, reach.held, self._end_session
        )

    def __enter__(self) -> "Connection":
        self._thread.start()
        self._time_limit.start()
        self._keepalive.__enter__()
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        if kind is not None:
            # Who cancels does not wait until what was asked for has trickled
            # in: it is a few MiB, and then the store ends.
            for pace in self._paces:
                pace.let_go()
        try:
            self._keepalive.__exit__(kind, error, trace)
            if kind is None and self._broken is None:
                self._say_bye()
        finally:
            self._time_limit.stop()
            if self._broken is not None:
                # Nothing more is to be had of it.
                self._process.kill()
            self._process.close_questions()
            self._asked.put(None)
            self._process.end()
            self._thread.join()
            self._process.close_answers()

    def _say_bye(self) -> None:
        try:
            self.ask(Op.BYE).wait()
        except DestinationError:
            # All that was asked has been answered: a store that falls over
            # its own end takes nothing of that back.
            return

    def ask(
        self,
        op: Op,
        body: Sequence[Bytes] = (),
        *,
        second: int = 0,
        count: int = 0,
        answers: "int | None" = None,
    ) -> Question:
        """Send a request; safe from several threads.

        `answers` is how many come where no last status ends them (GET).
        Raises DestinationError when the store is gone or doesn't read.
        """
        with self._write_lock:
            self._tag = (self._tag + 1) & 0xFFFFFFFF
            length = sum(len(part) for part in body)
            header = Header(op, second, count, self._tag, length)
            question = Question(op, self._tag, answers)
            self._write([header.encode(), *body])
            # Only now: the deadline of its answer starts here.
            self._asked.put(question)
            self._keepalive.heard()
        return question

    def _write(self, parts: Sequence[Bytes]) -> None:
        try:
            self._writer.write(parts)
        except StreamEnded as error:
            raise self._explained(error) from None

    def _check(self) -> None:
        if self._broken is not None:
            raise self._broken

    def _end_session(self) -> None:
        self._broken = DestinationError(
            f"the session's limit of {self._limit / 3600:g} hours is over;"
            " what was sent so far is kept and the command can be repeated"
        )
        self._process.kill()

    def _explained(self, error: Exception) -> Dom0Error:
        """Why the store ended, as far as anybody knows."""
        cause = None
        if isinstance(error, StreamEnded):
            cause = self._process.cause()
        said = self._process.last_words()
        if cause is None:
            return DestinationError(f"{error}{said}")
        return type(cause)(f"{cause}{said}", about=cause.about)

    def _read_answers(self) -> None:
        while True:
            question = self._asked.get()
            if question is None:
                return
            try:
                self._read_for(question)
            except (Dom0Error, OSError) as error:
                self._break(question, error)
                return

    def _read_for(self, question: Question) -> None:
        left = question.answers
        while left is None or left > 0:
            answer = self._reader.read(question.op, question.tag)
            if answer.status is Status.PROGRESS:
                # A heartbeat: it has done its work by arriving in time.
                continue
            question.arrived.put(answer)
            if left is not None:
                left -= 1
            elif answer.status is not Status.MORE:
                return

    def _break(self, question: Question, error: Exception) -> None:
        """Give the error to every question, asked now or later."""
        self._broken = self._broken or self._explained(error)
        waiting: "Question | None" = question
        while waiting is not None:
            waiting.arrived.put(self._broken)
            waiting = self._asked.get()


def _pace(reach: Reach) -> Optional[Pace]:
    return Pace(reach.rate) if reach.rate else None

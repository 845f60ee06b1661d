# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every way of starting a store; nothing else starts one.

A store is a child process that speaks the protocol on its standard input and
output. What it writes to standard error is kept, bounded and stripped, for
one error sentence; it never reaches the terminal raw.
"""

import fcntl
import subprocess
import threading
from collections.abc import Callable

from wyng_common.messages import Capability
from wyng_dom0.errors import DestinationError, Dom0Error
from wyng_dom0.transport.answers import AnswerReader
from wyng_dom0.transport.bootstrap import loader_command, send_store
from wyng_dom0.transport.destination import Destination
from wyng_dom0.transport.endings import bootstrap_ending, ending
from wyng_dom0.transport.patience import Patience
from wyng_dom0.transport.programs import (
    command_of,
    remote_command,
    store_program,
)
from wyng_dom0.transport.questions import QuestionWriter

# What a process's exit code and last words mean.
Explain = Callable[[int, str], Dom0Error | None]

_PIPE_SIZE = 1 << 20
_WORDS_MAX = 2048
_WORDS_SHOWN = 300
_END_SECONDS = 10
_CAUSE_SECONDS = 3


class StoreProcess:
    """A started store: the descriptors of its pipes, and its end."""

    def __init__(
        self, command: list[str], explain: Explain = lambda code, words: None
    ) -> None:
        self._explain = explain
        try:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                # A Ctrl-C is for us to handle, not for the store.
                start_new_session=True,
            )
        except OSError as error:
            raise DestinationError(
                f"the store can't be started: {error.strerror}: {command[0]}"
            ) from error
        assert self._child.stdin and self._child.stdout and self._child.stderr
        self.questions = self._child.stdin.fileno()
        self.answers = self._child.stdout.fileno()
        for descriptor in (self.questions, self.answers):
            _widen(descriptor)
        self._words = b""
        self._listener = threading.Thread(
            target=self._listen, name="store-stderr", daemon=True
        )
        self._listener.start()

    def _listen(self) -> None:
        assert self._child.stderr
        while True:
            untrusted_words = self._child.stderr.read(_WORDS_MAX)
            if not untrusted_words:
                return
            self._words = (self._words + untrusted_words)[-_WORDS_MAX:]

    def last_words(self) -> str:
        """What the store said last, as printable ASCII in brackets, or ""."""
        self._listener.join(1)
        lines = self._words.decode("ascii", "replace").split("\n")
        words = [line for line in lines if line.strip()][-1:]
        shown = "".join(
            each if each.isascii() and each.isprintable() else "?"
            for each in "".join(words)
        )
        return f" (it said: {shown[:_WORDS_SHOWN]})" if shown else ""

    def cause(self) -> Dom0Error | None:
        """Why it ended, where its exit code says so; waits a moment."""
        try:
            code = self._child.wait(_CAUSE_SECONDS)
        except subprocess.TimeoutExpired:
            return None
        self._listener.join(1)
        return self._explain(code, self._words.decode("ascii", "replace"))

    def kill(self) -> None:
        """End it now, from any thread."""
        self._child.kill()

    def close_questions(self) -> None:
        """Let the store see the end of our questions."""
        assert self._child.stdin
        try:
            self._child.stdin.close()
        except BrokenPipeError:
            # It is gone already; whoever waited for an answer was told.
            return

    def end(self) -> int:
        """Wait for the store, end it when it doesn't go; its exit code."""
        try:
            return self._child.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.terminate()
        try:
            return self._child.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            return self._child.wait()

    def close_answers(self) -> None:
        """Close the descriptors; the store has ended."""
        assert self._child.stdout and self._child.stderr
        self._listener.join(1)
        self._child.stdout.close()
        self._child.stderr.close()


def start_store(
    destination: Destination, capability: Capability
) -> StoreProcess:
    """Start the store of a destination with one capability.

    Raises DestinationError when it can't be started.
    """
    return StoreProcess(
        command_of(destination, capability),
        lambda code, words: ending(destination, code, words),
    )


def start_sent_store(destination: Destination) -> StoreProcess:
    """Send the store to an SSH host, where it isn't yet, and start it there.

    Raises DestinationError when there is no Python 3.9, or no loader.
    """
    bundle = _bundle()
    process = StoreProcess(
        remote_command(destination, loader_command()),
        lambda code, words: bootstrap_ending(destination, code, words),
    )
    patience = Patience(destination.reach.silence)
    try:
        send_store(
            AnswerReader(process.answers, patience),
            QuestionWriter(process.questions, patience),
            bundle,
        )
    except DestinationError as error:
        cause = process.cause()
        said = process.last_words()
        process.kill()
        process.end()
        process.close_questions()
        process.close_answers()
        raise DestinationError(f"{cause or error}{said}") from None
    return process


def _bundle() -> bytes:
    """The store of this machine as a zipapp, which it makes itself."""
    try:
        done = subprocess.run(
            [*store_program(), "bundle"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise DestinationError("the store can't be bundled") from error
    return done.stdout


def _widen(descriptor: int) -> None:
    """Ask for a larger pipe; the default still works, only slower."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
    except OSError:
        # Unprivileged users may have used up their share of pipe pages.
        return

# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Running the tools of LVM and device-mapper.

Owns how: a list of words, no shell, the C locale, nothing on standard input,
a deadline, bounded output. Knows no tool and parses nothing.
"""

import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from wyng_dom0.errors import SourceError

SECONDS = 120.0
_OUTPUT_MAX = 64 << 20
_PIECE = 1 << 16
_WORDS_MAX = 2048
_WORDS_SHOWN = 300
# sudo, su and timers leave these out of PATH on some systems.
_SYSTEM_FOLDERS = ("/usr/sbin", "/sbin")


class ToolMissing(SourceError):
    """The program is not installed."""


class ToolFailed(SourceError):
    """The program ended with an error, or did not end in time.

    `said` is what it wrote to standard error: one printable line, bounded.
    """

    def __init__(self, sentence: str, said: str) -> None:
        super().__init__(sentence)
        self.said = said


def run_tool(words: Sequence[str], seconds: float = SECONDS) -> str:
    """What a tool writes to standard output, which must be small.

    Raises ToolMissing, or ToolFailed when it ends with anything but 0.
    """
    with stream_tool(words, seconds) as pieces:
        text = bytearray()
        for piece in pieces:
            text += piece
            if len(text) > _OUTPUT_MAX:
                raise ToolFailed(f"{words[0]} says too much", "")
    return text.decode("utf-8", "replace")


@contextmanager
def stream_tool(
    words: Sequence[str], seconds: float = SECONDS
) -> Iterator[Iterator[bytes]]:
    """The pieces of a tool's standard output, as they come.

    The iterator ends when the tool has ended well; it raises ToolFailed when
    it ended otherwise, or is killed after `seconds`. Leaving the block early
    kills the tool.
    """
    tool = _Tool(words, seconds)
    try:
        yield tool.pieces()
    finally:
        tool.close()


class _Tool:
    """One running tool and the thread that keeps what it complains of."""

    def __init__(self, words: Sequence[str], seconds: float) -> None:
        self._name = os.path.basename(words[0])
        self._child = _start(words)
        self._late = False
        self._complaints = b""
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True
        self._timer.start()

    def pieces(self) -> Iterator[bytes]:
        """See stream_tool."""
        assert self._child.stdout
        while piece := self._child.stdout.read(_PIECE):
            yield piece
        code = self._child.wait()
        self._listener.join()
        if self._late:
            raise ToolFailed(f"{self._name} did not end in time", "")
        if code:
            raise self._failure(code)

    def close(self) -> None:
        """End it if it still runs; let go of all there is."""
        assert self._child.stdout and self._child.stderr
        self._timer.cancel()
        if self._child.poll() is None:
            self._child.kill()
        self._child.stdout.close()
        self._child.wait()
        self._listener.join()
        self._child.stderr.close()

    def _listen(self) -> None:
        assert self._child.stderr
        while piece := self._child.stderr.read(_WORDS_MAX):
            self._complaints = (self._complaints + piece)[-_WORDS_MAX:]

    def _expire(self) -> None:
        self._late = True
        self._child.kill()

    def _failure(self, code: int) -> ToolFailed:
        said = _one_line(self._complaints)
        words = f": {said}" if said else f" (exit code {code})"
        return ToolFailed(f"{self._name} failed{words}", said)


def _start(words: Sequence[str]) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(
            list(words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=tool_environment(),
            # A Ctrl-C is for us: half a snapshot operation helps nobody.
            start_new_session=True,
        )
    except FileNotFoundError:
        raise ToolMissing(
            f"the program {words[0]} is not installed on this machine"
        ) from None
    except OSError as error:
        raise ToolMissing(
            f"the program {words[0]} can't be run: {error.strerror}"
        ) from None


def tool_environment() -> dict[str, str]:
    """Ours, in the C locale, with the folders of system programs."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    folders += [each for each in _SYSTEM_FOLDERS if each not in folders]
    return {
        **os.environ,
        "PATH": os.pathsep.join(folders),
        "LC_ALL": "C",
        "LVM_SUPPRESS_FD_WARNINGS": "1",
    }


def _one_line(complaints: bytes) -> str:
    """The lines said, warnings left out, joined, printable and bounded."""
    lines = [
        line.strip()
        for line in complaints.decode("utf-8", "replace").splitlines()
    ]
    kept = [line for line in lines if line and "WARNING" not in line]
    joined = "; ".join(kept or [line for line in lines if line])
    shown = "".join(c if c.isprintable() else "?" for c in joined)
    return shown[:_WORDS_SHOWN]

# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Asking the user: yes or no, a name to type, a passphrase.

Questions go to standard error, so that --json keeps standard output for
itself. A passphrase is read from the terminal without echo, and is kept in
no variable longer than it takes to give it to the caller.
"""

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from wyng_dom0.cli.passcmd import first_line, run_passcmd
from wyng_dom0.errors import AuthenticationFailed, BadInput, Refused
from wyng_dom0.passphrases import (
    WEAK_BITS,
    generate_passphrase,
    guessed_bits,
)

_LINE_MAX = 64 * 1024
_TRIES = 3


@dataclass(frozen=True)
class TerminalPrompts:
    """Prompts on the terminal; without one, refuses or reads stdin."""

    unattended: bool
    passcmd: str | None = None

    def confirm(self, question: str) -> None:
        """See Prompts; only y or yes is a yes."""
        answer = self._ask(question, f"{question} [y/N] ")
        if answer.strip().lower() not in ("y", "yes"):
            raise Refused("nothing was done: the answer was no")

    def type_name(self, question: str, name: str) -> None:
        """See Prompts; the name must be typed exactly."""
        answer = self._ask(question, f"{question}\nType the name {name}: ")
        if answer != name:
            raise Refused("nothing was done: that is not the name")

    def type_word(self, question: str, word: str) -> None:
        """See Prompts; a lone letter is not enough."""
        answer = self._ask(question, f"{question}\nType the word {word}: ")
        if answer.strip() != word:
            raise Refused(f"nothing was done: the answer was not {word}")

    def passphrase(self, what: str) -> bytes:
        """See Prompts."""
        if self.passcmd is not None:
            return run_passcmd(self.passcmd)
        if self.unattended:
            return _read_stdin()
        return _read_hidden(f"Passphrase of {what}: ")

    def old_passphrase(self, what: str, passcmd: str | None) -> bytes:
        """See Prompts."""
        if passcmd is not None:
            return run_passcmd(passcmd, "--from-passcmd")
        if self.unattended:
            return _read_stdin()
        return _read_hidden(f"Passphrase of {what}: ")

    def new_passphrase(self, what: str) -> bytes:
        """See Prompts."""
        if self.passcmd is not None or self.unattended:
            return self.passphrase(what)
        generated = generate_passphrase()
        _say(f"A passphrase for {what}:\n\n    {generated}\n")
        _say("Write it down: without it nothing can be restored.")
        answer = self._ask(what, "Take it? [Y/n] (n: type your own) ")
        if answer.strip().lower() in ("n", "no"):
            return _read_twice(f"Your own passphrase for {what}: ")
        return _read_back(generated)

    def _ask(self, question: str, prompt: str) -> str:
        if self.unattended:
            raise Refused(
                f"nobody is there to answer: {question.rstrip('?')};"
                " say --force if that is meant"
            )
        with _line_ended():
            _show(prompt)
            line = sys.stdin.readline(_LINE_MAX) if sys.stdin else ""
            if not line:
                raise Refused("nothing was done: the question was not answered")
        return line.rstrip("\n")


def _say(text: str) -> None:
    _show(text + "\n")


def _show(text: str) -> None:
    if sys.stderr is None:
        raise Refused("there is nowhere to ask: standard error is closed")
    sys.stderr.write(text)
    sys.stderr.flush()


@contextmanager
def _line_ended() -> Iterator[None]:
    """End the question's line when Ctrl-C or Ctrl-D did not."""
    try:
        yield
    except BaseException:
        _say("")
        raise


def _read_hidden(prompt: str) -> bytes:
    typed = _read_typed(prompt)
    if not typed:
        raise AuthenticationFailed("no passphrase was typed")
    return typed


def _read_typed(prompt: str) -> bytes:
    """What was typed, perhaps nothing; AuthenticationFailed at Ctrl-D."""
    with _line_ended():
        try:
            typed = getpass.getpass(prompt)
        except (EOFError, OSError):
            raise AuthenticationFailed("no passphrase was typed") from None
    if not typed:
        return b""
    return first_line(typed.encode("utf-8", "surrogateescape"), "the terminal")


def _read_twice(prompt: str) -> bytes:
    for _ in range(_TRIES):
        first = _read_typed(prompt)
        if not first:
            _say("It can't be empty.")
        elif first == _read_typed("Once more: "):
            _warn_if_weak(first)
            return first
        else:
            _say("They differ.")
    raise BadInput(
        f"no passphrase was typed twice the same in {_TRIES} tries; run it"
        " again"
    )


def _warn_if_weak(typed: bytes) -> None:
    """It is the user's own: told, not refused."""
    bits = guessed_bits(typed.decode("utf-8", "replace"))
    if bits < WEAK_BITS:
        _say(
            f"It is taken, but easy to guess: some {bits:.0f} bits, where the"
            " seven words have 90. `qvm-wyng key change` takes another."
        )


def _read_back(generated: str) -> bytes:
    """The generated one, typed once: proof that it was written down."""
    for _ in range(_TRIES):
        typed = _read_typed("Type it once, to be sure: ")
        if b" ".join(typed.split()) == generated.encode("ascii"):
            return generated.encode("ascii")
        _say("That is not it.")
    raise BadInput(
        f"the generated passphrase was not typed as shown in {_TRIES} tries;"
        " run it again for another one"
    )


def _read_stdin() -> bytes:
    if sys.stdin is None:
        raise AuthenticationFailed("no passphrase: standard input is closed")
    try:
        line = sys.stdin.buffer.readline(_LINE_MAX)
    except OSError:
        raise AuthenticationFailed("standard input can't be read") from None
    return first_line(line, "standard input")

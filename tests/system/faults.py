# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Where and when a process of the product is killed.

A fault names a function of the product, counts its calls inside one process
and sends SIGKILL before, in the middle of or after the n-th. The product has
no hooks for this: the function is replaced in the process that shall die.
"""

import functools
import importlib
import os
import signal
from dataclasses import dataclass, replace
from typing import Any, Callable, Iterator, Optional, Sequence, Tuple

STORE, SENDER = "store", "sender"
BEFORE, HALF, AFTER, ANSWERED = "before", "half", "after", "answered"

Matches = Callable[..., bool]


def always(*_: Any, **__: Any) -> bool:
    """Every call counts."""
    return True


@dataclass(frozen=True)
class Fault:
    """One kill: `when` around the `at`-th call of `target` that `matches`.

    `target` is "module:name.attribute", or "module:name[KEY]" for an entry
    of a table. HALF gives a function that writes its last argument, bytes or
    a list of parts, only half of it; ANSWERED lets an operation of the store
    send its answer first.
    `other`: not the process that gets there dies, but the one it talks to.
    """

    phase: str
    side: str
    target: str
    when: str = AFTER
    matches: Matches = always
    at: int = 1
    other: bool = False

    def nth(self, at: int) -> "Fault":
        """The same at another call."""
        return replace(self, at=at)

    def __str__(self) -> str:
        who = "other" if self.other else "self"
        name = self.target.split(":")[1]
        return f"{self.phase} ({self.when} {name} no. {self.at}, {who})"


def name_ends(*endings: str, argument: int = 0) -> Callable[..., bool]:
    """Does a path among the arguments end so?"""

    def matches(*arguments: Any, **_: Any) -> bool:
        return str(arguments[argument]).endswith(endings)

    return matches


class Trigger:
    """A fault in a process: counts, tells `mark`, kills."""

    def __init__(
        self, fault: Fault, mark: Callable[[], None], victim: Callable[[], int]
    ) -> None:
        self._fault = fault
        self._mark = mark
        self._victim = victim
        self._calls = 0

    def install(self) -> None:
        """Replace the target by one that kills."""
        for holder, name, old in _places(self._fault.target):
            _put(holder, name, self._wrapped(old))

    def _wrapped(self, old: Callable[..., Any]) -> Callable[..., Any]:
        fault = self._fault

        @functools.wraps(old)
        def stepped(*arguments: Any, **named: Any) -> Any:
            if not fault.matches(*arguments, **named):
                return old(*arguments, **named)
            self._calls += 1
            if self._calls != fault.at:
                return old(*arguments, **named)
            if fault.when == BEFORE:
                self._kill()
            if fault.when == HALF:
                _half(old, arguments)
                self._kill()
            result = old(*arguments, **named)
            if fault.when == ANSWERED:
                arguments[1].flush()
            self._kill()
            return result

        return stepped

    def _kill(self) -> None:
        """SIGKILL; whoever killed the other side just goes on."""
        self._mark()
        os.kill(self._victim(), signal.SIGKILL)


def _half(old: Callable[..., Any], arguments: Sequence[Any]) -> None:
    *others, data = arguments
    if isinstance(data, list):
        data = b"".join(data)
        old(*others, [data[: len(data) // 2]])
    else:
        old(*others, memoryview(data)[: len(data) // 2])


def _places(target: str) -> Iterator[Tuple[Any, Any, Callable[..., Any]]]:
    module, path = target.split(":")
    holder: Any = importlib.import_module(module)
    if path.endswith("]"):
        name, key = path[:-1].split("[")
        table = getattr(holder, name)
        (found,) = [each for each in table if each.name == key]
        yield table, found, table[found]
        return
    *outer, name = path.split(".")
    for each in outer:
        holder = getattr(holder, each)
    yield holder, name, getattr(holder, name)


def _put(holder: Any, name: Any, new: Callable[..., Any]) -> None:
    if isinstance(holder, dict):
        holder[name] = new
    else:
        setattr(holder, name, new)


def install(
    fault: Optional[Fault],
    side: str,
    mark: Callable[[], None],
    other: Callable[[], int],
) -> None:
    """Arm a process of one side, if the fault is one of that side."""
    if fault is None or fault.side != side:
        return
    victim = other if fault.other else os.getpid
    Trigger(fault, mark, victim).install()

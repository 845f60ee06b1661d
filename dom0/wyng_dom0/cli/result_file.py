# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The result of a run by --vols-from=F, in F.error: for scripts of wyng's.

    {"rc": exit code, "volumes": [names of those that failed]}

It is there when the run failed, and gone when it went well.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wyng_dom0.cli.exit_codes import exit_code
from wyng_dom0.commands.context import Options
from wyng_dom0.errors import Dom0Error
from wyng_dom0.events import Event, Listener, VolumeDone
from wyng_dom0.names import quote
from wyng_dom0.state import durable

SUFFIX = ".error"


class Failures:
    """A listener that notes which volumes failed, and tells another one."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self.volumes: list[str] = []

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, VolumeDone) and event.error is not None:
            self.volumes.append(event.volume)
        self._listener(event)


@contextmanager
def noted(options: Options, listener: Listener) -> Iterator[Listener]:
    """The listener to use in the block; the result is noted behind it."""
    if options.vols_from is None:
        yield listener
        return
    path = Path(options.vols_from + SUFFIX).absolute()
    failures = Failures(listener)
    try:
        yield failures
    except BaseException as error:
        try:
            _write(path, exit_code(error), failures.volumes)
        except OSError as fault:
            error.add_note(_unwritten(path, fault))
        raise
    try:
        path.unlink(missing_ok=True)
    except OSError as fault:
        raise Dom0Error(
            f"the command is done, but {_unwritten(path, fault)}"
        ) from None


def _write(path: Path, code: int, volumes: list[str]) -> None:
    values = {"rc": code, "volumes": volumes}
    durable.write_private(path, json.dumps(values).encode("ascii"))


def _unwritten(path: Path, fault: OSError) -> str:
    return f"its result can't be kept in {quote(str(path))}: {fault.strerror}"

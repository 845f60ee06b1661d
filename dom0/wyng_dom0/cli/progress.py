# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Standard output and what listens to a run: bars, lines, or JSON.

Owns every write to standard output. Bars (tqdm) are drawn on standard error
and only on a terminal. A reader that goes away (`| head`) ends the output,
never the run.
"""

import dataclasses
import json
import os
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

from wyng_dom0 import events
from wyng_dom0.cli.render import render_event, render_report, show
from wyng_dom0.commands import reports
from wyng_dom0.commands.context import Options

if TYPE_CHECKING:
    from tqdm import tqdm

    Bar = tqdm[Any]


class Output:
    """Lines on standard output: text, or with `as_json` objects only."""

    def __init__(self, as_json: bool, quiet: bool) -> None:
        self._as_json = as_json
        self._quiet = quiet
        self._gone = False

    def report(self, report: reports.Report) -> None:
        """Show a command's result; also with --quiet."""
        if self._as_json:
            self.write_object(report_to_dict(report))
        else:
            self._write(render_report(report))

    def event(self, event: events.Event, verbose: int) -> None:
        """Show an event if it is worth a line."""
        if self._as_json:
            self.write_object(events.to_dict(event))
            return
        line = None if self._quiet else render_event(event, verbose)
        if line is not None:
            self._write(line)

    def write_object(self, value: object) -> None:
        """One JSON object on a line of its own; nothing without as_json."""
        if self._as_json:
            self._write(json.dumps(value, default=_to_json))

    def _write(self, line: str) -> None:
        if self._gone or sys.stdout is None:
            return
        try:
            print(line, flush=True)
        except BrokenPipeError:
            self._gone = True
            _drop_stdout()


class Progress:
    """The listener of a run in a terminal or a log.

    A context manager: the bar is gone when its block is left.
    """

    def __init__(self, output: Output, options: Options) -> None:
        self._output = output
        self._verbose = options.verbose
        self._bars = has_bars(options)
        self._bar: Bar | None = None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._end_bar()

    def __call__(self, event: events.Event) -> None:
        """Take one event; never raises for a reader that went away."""
        if isinstance(event, events.Progress) and self._bars:
            self._move_bar(event)
            return
        if not isinstance(event, events.Progress):
            self._end_bar()
        if isinstance(event, events.Warning_):
            say_error(f"warning: {event.text}")
        self._output.event(event, self._verbose)

    def _move_bar(self, event: events.Progress) -> None:
        if self._bar is None:
            self._bar = _new_bar(event)
        self._bar.update(event.done_bytes - self._bar.n)

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def has_bars(options: Options) -> bool:
    """True when somebody looks at standard error and wants to."""
    if options.json or options.quiet or sys.stderr is None:
        return False
    return sys.stderr.isatty()


def report_to_dict(report: reports.Report) -> dict[str, object]:
    """A report as one JSON object, `kind` in front."""
    if isinstance(report, reports.Said):
        return {"kind": report.kind, **report.values}
    kinds = {
        reports.VolumeList: "volumes",
        reports.SessionList: "sessions",
        reports.PruneList: "pruned",
    }
    return {"kind": kinds[type(report)], **dataclasses.asdict(report)}


def say_error(sentence: str) -> None:
    """One line on standard error; lost if nobody can read it."""
    if sys.stderr is None:
        return
    try:
        print(f"qvm-wyng: {sentence}", file=sys.stderr, flush=True)
    except BrokenPipeError:
        return


def _new_bar(event: events.Progress) -> "Bar":
    # Not at the top: importing tqdm takes as long as all of --help may.
    from tqdm import tqdm

    return tqdm(
        total=event.total_bytes,
        desc=show(event.volume),
        unit="B",
        unit_scale=True,
        unit_divisor=1024,
        dynamic_ncols=True,
        leave=False,
        file=sys.stderr,
    )


def _to_json(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _drop_stdout() -> None:
    """Let what is still buffered go nowhere instead of failing at exit."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)

# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Standard output and what listens to a run: bars, lines, or JSON.

Owns every write to standard output. Bars (tqdm) are drawn on standard error
and only on a terminal. A reader that goes away (`| head`) ends the output,
never the run; any other failure to write is kept in `failure` for the end.
"""

import dataclasses
import json
import os
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from wyng_dom0 import events
from wyng_dom0.cli.render import render_event, render_report, show
from wyng_dom0.commands import (
    archive_reports,
    file_reports,
    reports,
    request_reports,
    setting_reports,
)
from wyng_dom0.commands.context import Options
from wyng_dom0.names import one_line

if TYPE_CHECKING:
    from tqdm import tqdm

    Bar = tqdm[Any]


# Below this a bar would push rate and time left off the line.
_WIDE = 70
# What comes ten times a second.
# What these say of a volume is in their reports, or in an error.
_REPORTED_LATER = ("receive", "verify", "drill", "arch-check")
_STEADY = (events.Progress, events.Overall)
_NARROW_BAR = "{desc} {percentage:.0f}% {n_fmt} {rate_fmt} {remaining}"


class Output:
    """Lines on standard output: text, or with `as_json` objects only."""

    def __init__(self, as_json: bool, quiet: bool) -> None:
        self.as_json = as_json
        self._quiet = quiet
        self._gone = False
        self.failure: OSError | None = None

    def report(self, report: reports.Report) -> None:
        """Show a command's result; with --quiet only what was asked for."""
        if self.as_json:
            self.write_object(report_to_dict(report))
        elif not self._quiet or is_asked_for(report):
            text = render_report(report)
            if text:
                self._write(text)

    def is_read(self) -> bool:
        """False when whoever read standard output went away."""
        return not self._gone

    def event(self, event: events.Event, verbose: int) -> None:
        """Show an event if it is worth a line."""
        if self.as_json:
            self.write_object(events.to_dict(event))
            return
        line = None if self._quiet else render_event(event, verbose)
        if line is not None:
            self._write(line)

    def write_object(self, value: object) -> None:
        """One JSON object on a line of its own; nothing without as_json."""
        if self.as_json:
            self._write(json.dumps(value, default=_to_json))

    def _write(self, line: str) -> None:
        if self._gone or sys.stdout is None:
            return
        try:
            print(line, flush=True)
        except BrokenPipeError:
            self._gone = True
            _drop_stdout()
        except OSError as error:
            # A backup doesn't end because the log's disk is full.
            self._gone, self.failure = True, error
            _drop_stdout()


class Progress:
    """The listener of a run in a terminal or a log.

    A context manager: the bar is gone when its block is left.
    """

    def __init__(self, output: Output, options: Options) -> None:
        self._output = output
        self._verbose = options.verbose
        self._reported_later = options.command in _REPORTED_LATER
        self._bars = has_bars(options)
        self._bar: Bar | None = None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._end_bar()

    def __call__(self, event: events.Event) -> None:
        """Take one event; never raises for a reader that went away."""
        if isinstance(event, _STEADY) and self._bars:
            if isinstance(event, events.Progress):
                self._move_bar(event)
            return
        if not isinstance(event, _STEADY):
            self._end_bar()
        if isinstance(event, events.Warning_):
            say_error(f"warning: {event.text}")
        if self._is_repeated(event):
            return
        self._output.event(event, self._verbose)

    def _is_repeated(self, event: events.Event) -> bool:
        """What is said again in a report, or an error?"""
        if self._output.as_json or not isinstance(event, events.VolumeDone):
            return False
        return self._reported_later

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


def is_asked_for(report: reports.Report) -> bool:
    """True for reports that are the whole purpose of their command."""
    if isinstance(report, reports.Said):
        return report.kind in ("help", "version")
    if isinstance(report, reports.RunTold):
        return True
    return not isinstance(report, reports.PruneList) or report.dry_run


def report_to_dict(report: reports.Report) -> dict[str, object]:
    """A report as one JSON object, `kind` in front."""
    if isinstance(report, reports.Said):
        return {"kind": report.kind, **(report.values or {"text": report.text})}
    if isinstance(report, reports.RunTold):
        return {"run": report.run, **report.told}
    kinds = {
        reports.VolumeList: "volumes",
        reports.SessionList: "sessions",
        reports.PruneList: "pruned",
        reports.StatusReport: "status",
        reports.OverviewReport: "overview",
        archive_reports.ScheduleReport: "schedule",
        archive_reports.OptionsReport: "configure",
        archive_reports.HistoryReport: "history",
        reports.DiffReport: "diff",
        setting_reports.SettingsReport: "settings",
        setting_reports.SettingsDiffReport: "settings-diff",
        file_reports.FilesReport: "files",
        reports.MigrationList: "migration",
        reports.CheckReport: "check",
        reports.ProbeReport: "probe",
        request_reports.RequestList: "requests",
        request_reports.RequestLog: "request-log",
    }
    return {"kind": kinds[type(report)], **_fields(report)}


def _fields(value: Any) -> dict[str, object]:
    # dataclasses.asdict copies all that it meets, which for a list of 20,000
    # sessions takes a tenth of the command's time.
    return {
        each.name: _jsonable(getattr(value, each.name))
        for each in dataclasses.fields(value)
    }


def _jsonable(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _fields(value)
    if isinstance(value, (list, tuple)):
        return [_jsonable(each) for each in value]
    if isinstance(value, dict):
        return {key: _jsonable(each) for key, each in value.items()}
    return value


def plain(value: Mapping[str, object]) -> dict[str, object]:
    """An object as others read it from JSON: text in place of times."""
    return dict(json.loads(json.dumps(value, default=_to_json)))


def say_error(sentence: str) -> None:
    """One line on standard error; lost if nobody can read it."""
    if sys.stderr is None:
        return
    try:
        print(f"qvm-wyng: {one_line(sentence)}", file=sys.stderr, flush=True)
    except OSError:
        return


def _new_bar(event: events.Progress) -> "Bar":
    # Not at the top: importing tqdm takes as long as all of --help may.
    from tqdm import tqdm

    columns = _columns()
    return tqdm(
        total=event.total_bytes,
        desc=_shortened(show(event.volume), columns),
        bar_format=_NARROW_BAR if columns < _WIDE else None,
        unit="B",
        unit_scale=True,
        unit_divisor=1024,
        dynamic_ncols=True,
        leave=False,
        file=sys.stderr,
    )


def _columns() -> int:
    """How wide the terminal behind standard error is; 80 if unknown."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def _shortened(name: str, columns: int) -> str:
    """A name that leaves room for the numbers: its end says more."""
    most = max(8, columns // 3)
    return name if len(name) <= most else "..." + name[3 - most :]


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

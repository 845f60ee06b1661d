# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A command that works for a while: seen, held and ended from outside.

Owns what ties a run's events to its terminal, to its run file and to those
who joined it. That a run can't be shared is told and stops nothing.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime

from wyng_common.errors import WyngError
from wyng_dom0 import events
from wyng_dom0.cli.command_table import lasts
from wyng_dom0.cli.failures import error_object
from wyng_dom0.cli.progress import Output, Progress, plain, report_to_dict
from wyng_dom0.commands.context import Options
from wyng_dom0.commands.reports import Report
from wyng_dom0.runs import run_files
from wyng_dom0.runs.hold import Hold
from wyng_dom0.runs.run_files import RunFile
from wyng_dom0.runs.sharing import SharedRun
from wyng_dom0.runs.tally import Tally
from wyng_dom0.state import definitions
from wyng_dom0.state.places import Places


class Run:
    """The listener of a command, and where its reports go.

    Not shared until `share` is called.
    """

    def __init__(self, output: Output, shown: Progress, hold: Hold) -> None:
        self._output = output
        self._shown = shown
        self._hold = hold
        self._tally = Tally()
        self._started = events.RunStarted("", "", ())
        self._is_done = False
        self._file: RunFile | None = None
        self._shared: SharedRun | None = None

    @property
    def name(self) -> str:
        """What others call the run; "" while it is not shared."""
        return self._file.facts.run if self._file else ""

    @contextmanager
    def share(
        self, places: Places, options: Options, now: datetime
    ) -> Iterator[None]:
        """Let others see and steer the run while the block runs."""
        with ExitStack() as stack:
            try:
                self._begin(stack, places, options, now)
            except (OSError, WyngError) as error:
                why = getattr(error, "strerror", None) or str(error)
                text = f"this run can't be watched or paused: {why}"
                self._shown(events.Notice(text))
            yield

    def _begin(
        self,
        stack: ExitStack,
        places: Places,
        options: Options,
        now: datetime,
    ) -> None:
        archive = options.archive or options.from_ or _default(places)
        file = run_files.begin(places, options.command, archive, now)
        stack.callback(file.end)
        path = run_files.socket_of(places, file.facts.run)
        shared = stack.enter_context(SharedRun(path, self._obey))
        self._file, self._shared = file, shared
        stack.callback(self._unshare)

    def _unshare(self) -> None:
        self._file = self._shared = None

    def _obey(self, word: str) -> None:
        """A joiner's word, in the thread that serves it."""
        if word == "pause":
            self._hold.pause()
        elif word == "resume":
            self._hold.resume()
        else:
            # To the thread that works: it may be waiting for something.
            main = threading.main_thread().ident
            assert main is not None
            signal.pthread_kill(main, signal.SIGTERM)

    def __call__(self, event: events.Event) -> None:
        """Take one event; where the run may be held, it is held here."""
        if isinstance(event, events.RunStarted):
            event = self._started = self._named(event)
        self._is_done = self._is_done or isinstance(event, events.RunDone)
        self._tell(event)
        overall = self._tally.take(event)
        if overall is not None:
            self._tell(overall)
        if isinstance(event, (events.VolumeStarted, events.Progress)):
            self._hold.pass_point(self._held)

    def report(self, report: Report) -> None:
        """Show a command's result, here and to those who joined."""
        self._output.report(report)
        if self._shared is not None:
            self._shared.tell(plain(report_to_dict(report)))

    def end(self) -> None:
        """Tell that it ended well, if it is a run and nobody told yet."""
        if self._shared is None or self._is_done:
            return
        self(
            events.RunDone(
                self._file.facts.command if self._file else "",
                self._started.archive,
                volumes_done=self._tally.volumes_done,
            )
        )

    def fail(self, error: BaseException) -> None:
        """Tell those who joined how it ends; the terminal is told later."""
        if self._shared is not None:
            self._shared.tell(error_object(error))

    def _named(self, event: events.RunStarted) -> events.RunStarted:
        self._change(archive=event.archive, volumes=event.volumes)
        return replace(event, run=self.name)

    def _held(self, is_held: bool) -> None:
        self._change(paused=is_held)
        kind = events.Paused if is_held else events.Resumed
        self._tell(kind(self.name))

    def _change(self, **values: object) -> None:
        if self._file is None:
            return
        try:
            self._file.change(**values)
        except OSError as error:
            self._tell(
                events.Notice(f"the run file can't be kept: {error.strerror}")
            )

    def _tell(self, event: events.Event) -> None:
        self._shown(event)
        if self._shared is not None:
            self._shared.tell(events.to_dict(event))


def _default(places: Places) -> str:
    """The archive that is meant where none is named; "" for none."""
    try:
        return definitions.load_default(places).name
    except WyngError:
        return ""


@contextmanager
def running(
    output: Output,
    shown: Progress,
    hold: Hold,
    places: Places,
    options: Options,
    now: datetime,
) -> Iterator[Run]:
    """The run of a command while the block runs.

    Shared if the command lasts. A machine without state gets none for it:
    what only reads an archive by its URL leaves no trace.
    """
    run = Run(output, shown, hold)
    with ExitStack() as stack:
        is_run = lasts(options.command, options.names)
        if is_run and places.root.is_dir():
            stack.enter_context(run.share(places, options, now))
        try:
            yield run
        except BaseException as error:
            run.fail(error)
            raise
        run.end()

# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`qvm-wyng`: from the command line to an exit code.

Owns what an error looks like from outside: one sentence on standard error
and a code, never a traceback unless --debug is given.
"""

import gc
import io
import os
import signal
import stat
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import FrameType

from wyng_dom0.cli.agent_start import start_agent
from wyng_dom0.cli.dispatch import run_command
from wyng_dom0.cli.elevate import become_root
from wyng_dom0.cli.exit_codes import DONE, exit_code
from wyng_dom0.cli.failures import describe_error, error_object
from wyng_dom0.cli.help import help_text
from wyng_dom0.cli.options import CONFIG_KEYS, HelpWanted, parse_options
from wyng_dom0.cli.progress import Output, Progress, say_error
from wyng_dom0.cli.prompts import TerminalPrompts
from wyng_dom0.cli.result_file import noted
from wyng_dom0.cli.user_commands import around
from wyng_dom0.commands.context import (
    Audience,
    Context,
    Options,
    local_time,
)
from wyng_dom0.commands.reports import Said
from wyng_dom0.errors import Dom0Error
from wyng_dom0.events import Notice
from wyng_dom0.runs.hold import Hold
from wyng_dom0.state.places import find_config, find_places
from wyng_dom0.state.user_config import ConfigValue, read_user_config

# By which the shell's function asks, see completion.
_COMPLETING = "_ARGCOMPLETE"


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code, see exit_codes."""
    if _COMPLETING in os.environ:
        from wyng_dom0.cli import completion

        completion.complete()
    given = sys.argv[1:] if words is None else list(words)
    _prepare_streams()
    hold = Hold()
    _heed_signals(hold)
    output = Output("--json" in given, quiet=False)
    try:
        parsed = parse_options(
            given, _read_config, _has_terminal(), _read_standing
        )
        if isinstance(parsed, HelpWanted):
            output.report(Said("help", help_text(parsed.command)))
            return DONE
        output = Output(parsed.json, parsed.quiet)
        become_root(parsed, given)
        _run(parsed, output, hold)
        if output.failure is not None:
            raise _unwritten(output.failure)
        return DONE
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001
        # The outermost place there is: whatever it is becomes a sentence.
        if "--debug" in given:
            _show_trace(error)
        return _tell(error, output)


def _run(options: Options, output: Output, hold: Hold) -> None:
    # Not at the top: --help must not wait for sockets.
    from wyng_dom0.cli.running import running

    # What is imported stays, and chunks make no cycles: looking through all
    # of it for garbage again and again took 6 % of a verify (measured).
    gc.freeze()
    gc.set_threshold(50_000)
    places = find_places(options.meta_dir, os.geteuid(), os.environ)
    now = local_time()
    with (
        around(options),
        Progress(output, options) as shown,
        running(output, shown, hold, places, options, now) as run,
        noted(options, run) as listener,
    ):
        for sentence in options.passed_over:
            listener(Notice(sentence))
        run_command(
            Context(
                options=options,
                places=places,
                listener=listener,
                now=now,
                prompts=TerminalPrompts(options.unattended, options.passcmd),
                report=run.report,
                hold_key=partial(start_agent, places),
                hold=hold,
                audience=Audience(_input(), output.is_read),
            )
        )


def _unwritten(error: OSError) -> Dom0Error:
    return Dom0Error(
        "the command is done, but standard output can't be written:"
        f" {error.strerror}"
    )


def _tell(error: BaseException, output: Output) -> int:
    say_error(describe_error(error))
    output.write_object(error_object(error))
    return exit_code(error)


def _show_trace(error: BaseException) -> None:
    import traceback

    traceback.print_exception(error)


def _read_config(given: str | None) -> dict[str, ConfigValue]:
    path = find_config(os.geteuid(), os.environ)
    if given is not None:
        path = Path(given)
    return read_user_config(path, CONFIG_KEYS, required=given is not None)


def _read_standing(
    archive: str | None, meta_dir: str | None
) -> dict[str, ConfigValue]:
    """What the archive that is meant always has; of one that isn't known
    the command says so itself."""
    from wyng_dom0.cli.standing_words import standing_options

    places = find_places(meta_dir, os.geteuid(), os.environ)
    return standing_options(places, archive)


def _has_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _prepare_streams() -> None:
    """A name the terminal's encoding lacks must not end a run."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _heed_signals(hold: Hold) -> None:
    """Ctrl-C and SIGTERM end a command, in order."""

    def cancel(_signal: int, _frame: FrameType | None) -> None:
        hold.cancel()

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, cancel)


def _input() -> int:
    """The descriptor whose end means that nobody waits any more, or -1.

    What never ends (/dev/null is at its end at once) says nothing.
    """
    try:
        number = sys.stdin.fileno() if sys.stdin is not None else -1
        mode = os.fstat(number).st_mode
    except (OSError, ValueError):
        return -1
    lives = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
    return number if lives or _has_terminal() else -1

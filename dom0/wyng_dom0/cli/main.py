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
import sys
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from types import FrameType

from wyng_common.errors import WyngError
from wyng_dom0.cli import completion
from wyng_dom0.cli.agent_start import start_agent
from wyng_dom0.cli.dispatch import run_command
from wyng_dom0.cli.exit_codes import DONE, exit_code
from wyng_dom0.cli.help import help_text
from wyng_dom0.cli.options import CONFIG_KEYS, HelpWanted, parse_options
from wyng_dom0.cli.progress import Output, Progress, say_error
from wyng_dom0.cli.prompts import TerminalPrompts
from wyng_dom0.cli.render import format_count
from wyng_dom0.cli.user_commands import around
from wyng_dom0.commands.context import Context, Options
from wyng_dom0.commands.reports import Said
from wyng_dom0.errors import Dom0Error, SomeVolumesFailed
from wyng_dom0.names import one_line, quote
from wyng_dom0.state.places import find_config, find_places
from wyng_dom0.state.user_config import ConfigValue, read_user_config

_FAILURES_SHOWN = 5


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code, see exit_codes."""
    if completion.ASKED in os.environ:
        completion.complete()
    given = sys.argv[1:] if words is None else list(words)
    _prepare_streams()
    signal.signal(signal.SIGTERM, _cancel)
    output = Output("--json" in given, quiet=False)
    try:
        parsed = parse_options(given, _read_config, _has_terminal())
        if isinstance(parsed, HelpWanted):
            output.report(Said("help", help_text(parsed.command)))
            return DONE
        output = Output(parsed.json, parsed.quiet)
        _run(parsed, output)
        if output.failure is not None:
            raise _unwritten(output.failure)
        return DONE
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001
        # The outermost place there is: whatever it is becomes a sentence.
        if "--debug" in given:
            _show_trace(error)
        return _tell(error, output)


def _run(options: Options, output: Output) -> None:
    # What is imported stays, and chunks make no cycles: looking through all
    # of it for garbage again and again took 6 % of a verify (measured).
    gc.freeze()
    gc.set_threshold(50_000)
    places = find_places(options.meta_dir, os.geteuid(), os.environ)
    with around(options), Progress(output, options) as listener:
        run_command(
            Context(
                options=options,
                places=places,
                listener=listener,
                now=datetime.now().astimezone(),
                prompts=TerminalPrompts(options.unattended, options.passcmd),
                report=output.report,
                hold_key=partial(start_agent, places),
            )
        )


def _unwritten(error: OSError) -> Dom0Error:
    return Dom0Error(
        "the command is done, but standard output can't be written:"
        f" {error.strerror}"
    )


def _tell(error: BaseException, output: Output) -> int:
    code, sentence = exit_code(error), one_line(describe_error(error))
    say_error(sentence)
    output.write_object({"event": "error", "text": sentence, "code": code})
    return code


def describe_error(error: BaseException) -> str:
    """One sentence for whatever ended the program, notes added."""
    notes = getattr(error, "__notes__", [])
    return "; ".join([_sentence(error), *notes])


def _sentence(error: BaseException) -> str:
    if isinstance(error, SomeVolumesFailed):
        return _failures(error)
    if isinstance(error, WyngError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "interrupted; what was reported done stays done"
    if isinstance(error, OSError) and error.strerror:
        where = (
            f"{quote(os.fsdecode(error.filename))}: " if _names(error) else ""
        )
        return f"{where}{error.strerror}"
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    if isinstance(error, RecursionError):
        return "something is nested too deeply"
    return (
        f"a fault of this program ({type(error).__name__}): run it again with"
        " --debug and report what it shows"
    )


def _failures(error: SomeVolumesFailed) -> str:
    told = [f"{quote(name)} ({why})" for name, why in error.failed]
    more = len(told) - _FAILURES_SHOWN
    rest = f" and {more} more" if more > 0 else ""
    return (
        f"{format_count(len(told), 'volume')} failed:"
        f" {', '.join(told[:_FAILURES_SHOWN])}{rest}"
    )


def _names(error: OSError) -> bool:
    return isinstance(error.filename, (str, bytes, os.PathLike))


def _show_trace(error: BaseException) -> None:
    import traceback

    traceback.print_exception(error)


def _read_config(given: str | None) -> dict[str, ConfigValue]:
    path = find_config(os.geteuid(), os.environ)
    if given is not None:
        path = Path(given)
    return read_user_config(path, CONFIG_KEYS, required=given is not None)


def _has_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _prepare_streams() -> None:
    """A name the terminal's encoding lacks must not end a run."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _cancel(_signal: int, _frame: FrameType | None) -> None:
    # Not an error of ours, which a volume's own failure could swallow.
    raise KeyboardInterrupt

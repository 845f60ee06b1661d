# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is said of whatever ended a command: one sentence, one JSON object."""

import os

from wyng_common.errors import WyngError
from wyng_dom0.cli.exit_codes import exit_code
from wyng_dom0.cli.render import format_count
from wyng_dom0.errors import SomeVolumesFailed
from wyng_dom0.names import one_line, quote

_FAILURES_SHOWN = 5


def error_object(error: BaseException) -> dict[str, object]:
    """The last object of --json where a command ends badly."""
    return {
        "event": "error",
        "text": one_line(describe_error(error)),
        "code": exit_code(error),
        "cancelled": isinstance(error, KeyboardInterrupt),
    }


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
        return (
            "interrupted; what was reported done stays done, and the same"
            " command goes on from there"
        )
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

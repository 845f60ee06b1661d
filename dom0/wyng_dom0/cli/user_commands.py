# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`pre` and `post` of the user's configuration: around what reaches an archive.

Lists of words, run without a shell, with nothing on standard input; what
they print goes to standard error. Decides nothing about archives.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from wyng_dom0.cli.command_table import COMMANDS
from wyng_dom0.commands.context import Options
from wyng_dom0.errors import DestinationError, Dom0Error
from wyng_dom0.names import quote

# Every command that calls a store has this option, and no other has.
_REACHES = "limit-rate"


@contextmanager
def around(options: Options) -> Iterator[None]:
    """Run `pre`, the block, then `post`, whatever came of the block.

    When `pre` fails nothing else is run: DestinationError. When `post`
    fails after a block that went well: Dom0Error.
    """
    if _REACHES not in COMMANDS[options.command].options:
        yield
        return
    _before(options)
    try:
        yield
    except BaseException as error:
        fault = _after(options, "failed")
        if fault:
            error.add_note(fault)
        raise
    fault = _after(options, "done")
    if fault:
        raise Dom0Error(f"the command is done, but {fault}")


def _before(options: Options) -> None:
    fault = _run(options, "pre", options.pre, "")
    if fault:
        raise DestinationError(f"{fault}; nothing was done")


def _after(options: Options, result: str) -> str:
    return _run(options, "post", options.post, result)


def _run(
    options: Options, key: str, words: tuple[str, ...], result: str
) -> str:
    """What went wrong, or ""."""
    if not words:
        return ""
    environ = {
        **os.environ,
        "WYNG_COMMAND": options.command,
        "WYNG_ARCHIVE": options.archive or "",
        "WYNG_RESULT": result,
    }
    what = f"the command {quote(words[0])} under '{key}'"
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, stdout=2, env=environ, check=False
        )
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no command"
        return f"{what} can't be run: {why}"
    if done.returncode:
        return f"{what} ended with code {done.returncode}"
    return ""

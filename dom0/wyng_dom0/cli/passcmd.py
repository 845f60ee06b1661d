# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""--passcmd, --from-passcmd: the user's command that prints a passphrase first.

Run without a shell. What it prints goes nowhere but to the caller.
"""

import shlex
import subprocess

from wyng_dom0.errors import AuthenticationFailed, BadInput
from wyng_dom0.names import quote

PASSPHRASE_MAX = 4096


def run_passcmd(command: str, option: str = "--passcmd") -> bytes:
    """The first line the command prints, without its end.

    Raises BadInput when the command can't be meant, AuthenticationFailed
    when it fails or prints nothing.
    """
    words = split_command(command, option)
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, check=False)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it can't be run"
        raise BadInput(f"{option} {quote(words[0])}: {why}") from None
    if done.returncode != 0:
        raise AuthenticationFailed(
            f"{option} {quote(words[0])} ended with code {done.returncode}"
        )
    return first_line(done.stdout, f"{option} {quote(words[0])}")


def split_command(command: str, option: str = "--passcmd") -> list[str]:
    """The words of a command line, by a shell's rules of quoting only."""
    try:
        words = shlex.split(command)
    except ValueError:
        raise BadInput(f"{option} has a quote that is not closed") from None
    if not words:
        raise BadInput(f"{option} names no command")
    return words


def first_line(data: bytes, whence: str) -> bytes:
    """The first line of what was read; AuthenticationFailed when empty."""
    line = data.split(b"\n", 1)[0].removesuffix(b"\r")
    if not line:
        raise AuthenticationFailed(f"{whence} gave no passphrase")
    if len(line) > PASSPHRASE_MAX:
        raise AuthenticationFailed(
            f"{whence} gave a passphrase of over {PASSPHRASE_MAX} bytes"
        )
    return line

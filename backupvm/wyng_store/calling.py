# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a backup qube says to dom0: that a restore is wanted, or a disk is here.

One call of qrexec, with nothing on standard input. dom0 answers every call the
same, so all that can be told is whether it was handed over.
"""

import re
import subprocess
import sys
from typing import List, Optional, Sequence

from wyng_common.errors import NameFault
from wyng_common.hosts import check_archive_argument, check_qube

DONE, ERROR, UNREACHABLE, BAD_INPUT = 0, 1, 5, 9
ANSWER = b"."
_CLIENT = "qrexec-client-vm"
_SESSION = re.compile(r"[0-9]{8}-[0-9]{6}")
_REFUSED = 126
_SECONDS = 120.0


def request_restore(words: Optional[Sequence[str]] = None) -> int:
    """`wyng-request-restore QUBE [SESSION]`; the exit code."""
    given = _words(words)
    if len(given) not in (1, 2) or given[0].startswith("-"):
        return _say(
            "usage: wyng-request-restore QUBE [YYYYMMDD-HHMMSS]", BAD_INPUT
        )
    try:
        check_qube(given[0])
    except NameFault as error:
        return _say(f"the first word is no qube: {error}", BAD_INPUT)
    if len(given) == 2 and not _SESSION.fullmatch(given[1]):
        return _say("a session is of the form YYYYMMDD-HHMMSS", BAD_INPUT)
    what = f"a restore of {given[0]}"
    return _call("wyng.Restore+" + "+".join(given), f"The request for {what}")


def tell_ready(words: Optional[Sequence[str]] = None) -> int:
    """`wyng-ready ARCHIVE`; the exit code."""
    given = _words(words)
    if len(given) != 1 or given[0].startswith("-"):
        return _say("usage: wyng-ready ARCHIVE", BAD_INPUT)
    try:
        check_archive_argument(given[0])
    except NameFault as error:
        return _say(str(error), BAD_INPUT)
    return _call(f"wyng.Ready+{given[0]}", f"That {given[0]} is ready")


def _words(words: Optional[Sequence[str]]) -> List[str]:
    return list(sys.argv[1:] if words is None else words)


def _call(service: str, what: str) -> int:
    try:
        done = subprocess.run(
            [_CLIENT, "--", "dom0", service],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        return _say(f"there is no {_CLIENT}: this is no qube", UNREACHABLE)
    except (OSError, subprocess.SubprocessError):
        return _say("dom0 did not answer", UNREACHABLE)
    if done.returncode == _REFUSED:
        return _say(
            "dom0 refuses calls of this qube: there, `qvm-wyng requests allow"
            " QUBE` lets it ask",
            ERROR,
        )
    if done.returncode != 0 or done.stdout != ANSWER:
        return _say(
            f"the call broke off (qrexec said {done.returncode})", UNREACHABLE
        )
    sys.stdout.write(
        f"{what} was handed over. dom0 does not say whether it accepts it.\n"
    )
    return DONE


def _say(sentence: str, code: int) -> int:
    sys.stderr.write(sentence + "\n")
    return code

# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which exit code each kind of failure has: here and nowhere else.

    0  done
    1  an error of another kind; refused; interrupted by the user
    2  some volumes failed, the others are done; diff found differences
    3  no key slot opens with the passphrase or key given
    4  integrity or rollback: bytes that are not what they must be
    5  the destination is not ready, full or busy
    6  what was named does not exist
    9  bad input: options, names, configuration

Ctrl-C is 1 and not 130: the program ends itself, in order, and says so.
"""

from wyng_common.errors import FormatError
from wyng_dom0 import errors

DONE = 0
ERROR = 1
SOME_VOLUMES_FAILED = 2
AUTHENTICATION = 3
INTEGRITY = 4
DESTINATION = 5
NOT_FOUND = 6
BAD_INPUT = 9

_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (errors.SomeVolumesFailed, SOME_VOLUMES_FAILED),
    (errors.Differs, SOME_VOLUMES_FAILED),
    (errors.AuthenticationFailed, AUTHENTICATION),
    (errors.IntegrityError, INTEGRITY),
    (FormatError, INTEGRITY),
    (errors.DestinationError, DESTINATION),
    (errors.NotFound, NOT_FOUND),
    (errors.BadInput, BAD_INPUT),
)


def exit_code(error: BaseException) -> int:
    """The code for an error that ended the program."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    return ERROR

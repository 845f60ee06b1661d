# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The dom0 side's error tree; the class says what kind of failure it is.

    WyngError
     └ Dom0Error                  anything else that stopped us
        ├ BadInput                an option, name or file that can't be meant
        ├ NotFound                no such volume, session or archive
        ├ AuthenticationFailed    no key slot opens with what was given
        ├ IntegrityError          bytes that are not what they must be
        │  ├ RollbackError        an archive older than what dom0 has seen
        │  └ ForeignDamage        the same in an archive of another program
        ├ DestinationError        not there, not ready, or it broke off
        │  ├ DestinationBusy      another one is writing or reading
        │  ├ DestinationFull      no room; what was sent stays resumable
        │  ├ StreamEnded          the store is gone; an exit code says why
        │  ├ ProgramMissing       there is no store program at the place
        │  └ ConflictError        another commit came first
        ├ SourceError             a volume can't be read or changed meanwhile
        │  └ QubesError           qubesd refused or failed at something
        ├ TargetError             what is being restored to can't be written
        ├ Differs                 a comparison found what is not the same
        ├ Refused                 a rule of ours, or the user, said no
        │  └ NotAllowed           the destination lets us do less than that
        ├ SomeVolumesFailed       the others are done
        └ Cancelled               the user ended it; it can be taken up again

Which exit code each kind has is said in cli/exit_codes.py and nowhere else.
Caught in the CLI, in the service entries and where a retry exists.
"""

from typing import Tuple

from wyng_common.errors import WyngError


class Dom0Error(WyngError):
    """One sentence without a full stop, naming the thing it is about.

    `about` is that thing's bare id or name for JSON output; "" when there
    is no single one.
    """

    def __init__(self, sentence: str, *, about: str = "") -> None:
        super().__init__(sentence)
        self.about = about


class BadInput(Dom0Error):
    """An option, a name or a file's content that can't be what was meant."""


class NotFound(Dom0Error):
    """What was named does not exist."""


class AuthenticationFailed(Dom0Error):
    """No key slot opens with the passphrase or key that was given."""


class IntegrityError(Dom0Error):
    """Stored bytes fail a check; nothing was made from them."""


class RollbackError(IntegrityError):
    """The archive's head is older than, or does not chain from, dom0's pin."""


class ForeignDamage(IntegrityError):
    """An archive of another program holds what it should not."""


class DestinationError(Dom0Error):
    """The destination is not there, not ready, or ended the connection."""


class DestinationBusy(DestinationError):
    """Somebody else holds the archive or the volume now; try later."""


class DestinationFull(DestinationError):
    """No room; what was sent stays there for the next send."""


class StreamEnded(DestinationError):
    """The store ended the connection in the middle."""


class ProgramMissing(DestinationError):
    """Nothing there can be started that would be a store."""


class ConflictError(DestinationError):
    """Another commit came first; what was built must be built over it."""


class SourceError(Dom0Error):
    """A volume can't be read, or changed its size while it was read."""


class QubesError(SourceError):
    """The Admin API of Qubes OS refused, failed or was not there."""


class TargetError(Dom0Error):
    """The place to restore to can't be used, or failed while written."""


class Differs(Dom0Error):
    """What was compared is not the same; it was reported how."""


class Refused(Dom0Error):
    """A rule of ours forbids it, or the user answered no."""


class NotAllowed(Refused):
    """The destination does not grant a capability; a lesser one may do."""


class SomeVolumesFailed(Dom0Error):
    """Some volumes failed, the others are done.

    `failed` pairs each volume's name with its error's one sentence.
    """

    def __init__(self, failed: Tuple[Tuple[str, str], ...]) -> None:
        names = ", ".join(name for name, _ in failed)
        super().__init__(
            f"{len(failed)} volume(s) failed: {names}", about=names
        )
        self.failed = failed


class Cancelled(Dom0Error):
    """The user ended the run; nothing that was reported done is undone."""

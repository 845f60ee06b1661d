# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The recovery sheet: what a person needs on paper to restore elsewhere.

Holds no secret: the slots on it open only with a passphrase, a recovery code
or a key file.
"""

import base64
from collections.abc import Sequence
from datetime import datetime

from wyng_dom0.engine.head_code import head_code
from wyng_dom0.engine.keyring import SlotEntry
from wyng_dom0.state import heads
from wyng_dom0.state.definitions import ArchiveDefinition
from wyng_dom0.state.places import Places


def sheet_lines(
    places: Places,
    definition: ArchiveDefinition,
    entries: Sequence[SlotEntry],
    now: datetime,
) -> list[str]:
    """The sheet, a line each; `now` is printed on it."""
    pin = heads.read_pin(places, definition.archive, definition.destination)
    code = head_code(pin.committed) if pin.committed else "none yet"
    return [
        f"Recovery sheet of the archive {definition.name}",
        f"printed {now:%Y-%m-%d %H:%M %z}",
        "",
        f"  archive id   {definition.archive.hex()}",
        f"  destination  {definition.destination}",
        f"  sealed with  {definition.suite}, ids by {definition.hashtype}",
        f"  head code    {code}",
        "",
        *_instructions(definition.destination),
        "",
        "The key slots, should the archive's own be lost. They are no secret.",
        *(
            f"slot {entry.number}:"
            f" {base64.b64encode(entry.slot.encode()).decode('ascii')}"
            for entry in entries
            if entry.slot is not None
        ),
    ]


def _instructions(url: str) -> list[str]:
    return [
        "To restore on a machine that knows nothing of this archive:",
        "",
        " 1. Install qvm-wyng (python3-wyng-common, qvm-wyng-dom0).",
        " 2. Make the destination reachable: mount its disk, start its qube,",
        "    or set up its SSH key.",
        f" 3. qvm-wyng --from={url} list --verbose",
        "    Type the passphrase when asked. The recovery code is typed in",
        "    its place, all four lines as one. A key file is named with",
        "    --key-file=PATH.",
        " 4. Compare the head code that it prints with the one above: the",
        "    number before the first '-' must not be smaller. A smaller one",
        "    means that you were given an old copy of the archive.",
        f" 5. qvm-wyng --from={url} list VOLUME",
        "    shows the sessions of a volume.",
        f" 6. qvm-wyng --from={url} --save-to=FILE receive VOLUME",
        "    restores the newest one; --session=YYYYMMDD-HHMMSS another one.",
        " 7. If the archive says that it has no key slot, type the lines below",
        "    that begin with `slot` into a file and add --slots-from=FILE.",
        " 8. Without passphrase, recovery code or key file nobody can restore",
        "    anything, the makers of this program included. Keep this sheet",
        "    and the code apart from the machine, and not with the disk.",
        " 9. After a restore, make a new sheet: qvm-wyng key export",
    ]

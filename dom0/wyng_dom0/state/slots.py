# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""dom0's own copies of key slots, so that a store can't withhold them.

Bytes in, bytes out: what a slot means is sealing's business.
"""

from wyng_common import limits
from wyng_common.ids import ArchiveId
from wyng_dom0.errors import BadInput
from wyng_dom0.state import durable
from wyng_dom0.state.places import Places


def read_slots(places: Places, archive: ArchiveId) -> dict[int, bytes]:
    """Slot number -> its bytes, for every slot dom0 has a copy of."""
    found: dict[int, bytes] = {}
    for number in range(limits.SLOTS_MAX):
        path = places.slots(archive) / str(number)
        try:
            with open(path, "rb") as file:
                data = file.read(limits.SLOT_FILE_MAX + 1)
        except FileNotFoundError:
            continue
        if len(data) > limits.SLOT_FILE_MAX:
            raise BadInput(f"the key slot in {path} is too long")
        found[number] = data
    return found


def write_slot(
    places: Places, archive: ArchiveId, number: int, data: bytes
) -> None:
    """Keep a slot durably; raises BadInput for a number or size past bounds."""
    if not 0 <= number < limits.SLOTS_MAX:
        raise BadInput(f"there is no key slot {number}")
    if len(data) > limits.SLOT_FILE_MAX:
        raise BadInput(f"the key slot {number} has {len(data)} bytes")
    folder = durable.make_private_folder(places.slots(archive))
    durable.write_private(folder / str(number), data)


def drop_slot(places: Places, archive: ArchiveId, number: int) -> bool:
    """Forget dom0's copy durably; False when there was none."""
    if not 0 <= number < limits.SLOTS_MAX:
        raise BadInput(f"there is no key slot {number}")
    folder = places.slots(archive)
    if not folder.exists():
        return False
    return durable.remove_private(folder / str(number))

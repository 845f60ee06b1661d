# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Purpose keys differ by purpose and archive, and the secret is not shown."""

import pytest

from memory_archive import ARCHIVE, MASTER, keys_of
from wyng_common.ids import ArchiveId
from wyng_dom0.seal.keys import (
    META_DOMAIN,
    ArchiveKeys,
    DomainId,
    HashType,
    Suite,
    Terms,
    derive,
    new_master_key,
)


def test_every_purpose_has_its_own_key() -> None:
    made = []
    for archive in (ARCHIVE, ArchiveId(b"another archive!")):
        keys = keys_of(archive=archive)
        made += [
            keys.blob_key(),
            keys.removals_key(),
            keys.id_key(META_DOMAIN),
            keys.id_key(DomainId(b"d" * 16)),
            keys.commit_mac(b""),
        ]
    assert len(set(made)) == len(made)


def test_label_salt_and_info_each_change_the_key() -> None:
    made = {
        derive(b"k" * 32, label, salt, info)
        for label in ("a", "ab")
        for salt in (b"", b"s")
        for info in (b"", b"b", b"\0")
    }
    assert len(made) == 12


def test_master_key_is_never_shown() -> None:
    keys = keys_of()
    for shown in (repr(keys), str(keys), repr(MASTER)):
        assert MASTER.hex() not in shown
        assert "bytearray" not in shown and repr(bytes(MASTER)) not in shown


def test_keys_and_suite_agree() -> None:
    with pytest.raises(ValueError):
        ArchiveKeys(Terms(ARCHIVE, Suite.OFF, HashType.SHA256), MASTER)
    with pytest.raises(ValueError):
        ArchiveKeys(Terms(ARCHIVE, Suite.AES_256_GCM, HashType.SHA256), None)


def test_master_keys_are_fresh() -> None:
    assert len({new_master_key() for _ in range(64)}) == 64


def test_mac_depends_on_every_byte_of_what_is_signed() -> None:
    for suite in Suite:
        keys = keys_of(suite)
        macs = {keys.commit_mac(b"a" * at + b"b") for at in range(9)}
        assert len(macs) == 9

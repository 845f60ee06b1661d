# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Volumes of qubes are called as the source of qubes calls them."""

import pytest

from wyng_dom0.commands.foreign_names import as_qubes, qubes_name
from wyng_dom0.migrate.records import ForeignVolume


@pytest.mark.parametrize(
    "old, new",
    [
        ("vm-work-private", "work:private"),
        ("vm-my-root-vm-root", "my-root-vm:root"),
        ("appvms/work/private.img", "work:private"),
        ("vm-templates/fedora-41/root.img", "fedora-41:root"),
        ("vm-work-volatile", "vm-work-volatile"),
        ("wyng-qubes-metadata", "wyng-qubes-metadata"),
        ("root", "root"),
        ("appvms/../x/private.img", "appvms/../x/private.img"),
        ("vm-a:b-private", "vm-a:b-private"),
    ],
)
def test_names_of_qubes_volumes(old: str, new: str) -> None:
    assert qubes_name(old) == new


def test_two_of_one_name_keep_their_own() -> None:
    names = ["vm-a-private", "appvms/a/private.img", "vm-b-root", "vm-c-root"]
    volumes = [ForeignVolume(name, "", name, ()) for name in [*names, "b:root"]]
    assert [each.name for each in as_qubes(volumes)] == [
        *names[:3],
        "c:root",
        "b:root",
    ]

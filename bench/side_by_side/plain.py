# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Plain zstd as a contestant: compresses the image and does nothing else."""

from pathlib import Path

from side_by_side.contestant import Contestant, Job, Volume


class Zstd(Contestant):
    """The first send only; its file is not waited for to reach the disk."""

    key = "zstd"
    title = "zstd -3 -T2"
    options = "-3 -T2 IMAGE -o FILE; no hashes, no encryption, no fsync"
    complete = False

    def version(self) -> Job:
        return self.command("zstd", "--version")

    def create(self) -> Job:
        return Job(())

    def prepare(self) -> None:
        self.archive.mkdir()

    def send(self, volume: Volume, label: str) -> Job:
        target = str(Path(self.archive, "image.zst"))
        return self.command(
            "zstd", "-q", "-3", "-T2", volume.name, "-o", target
        )

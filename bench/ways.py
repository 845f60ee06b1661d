# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the way to the store costs: first send and restore, side by side.

    python3 bench/ways.py [--size-mib N] [--rounds N] [--json FILE]

The same image into the same kind of archive: a directory (`internal:`),
through the tests' stand-in for qrexec, and through a real sshd on loopback.
All ways take turns within a round, and a round's rates are divided by the
rate of `internal:` in it. Wants openssh-server; needs no root.
"""

import argparse
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from destinations.ssh_server import SshServer, is_installed  # noqa: E402
from qrexec_stand_in.qubes import Qubes  # noqa: E402

# A share of the rate of `internal:` that shall be reached at least.
GOALS = {"qrexec stand-in": 0.8, "sshd on loopback": 0.6}
BASE = "internal:"
# OpenSSH prefers chacha20, which processors have no instructions for.
CIPHER = "aes128-gcm@openssh.com"
JOBS = ("first send", "restore")
PROGRAM = Path(sys.executable).parent / "qvm-wyng"


@dataclass(frozen=True)
class Way:
    """How one kind of destination is reached."""

    name: str
    url: str
    path: str


class Bench:
    """A folder with an image, and an archive made anew for each run."""

    def __init__(self, root: Path, size: int) -> None:
        self.root = root
        self.images = root / "images"
        self.images.mkdir()
        (root / "passphrase").write_text("seven words of no importance\n")
        make_image(self.images / "disk.img", size)

    def run(self, way: Way, *words: str) -> float:
        """Seconds that a command takes."""
        began = time.monotonic()
        state = self.root / "state"
        subprocess.run(
            [str(PROGRAM), f"--meta-dir={state}", "--unattended", *words],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "PATH": way.path},
        )
        return time.monotonic() - began

    def measure(self, way: Way, archive: Path) -> "dict[str, float]":
        """Seconds of each job; the restored image is compared, untimed."""
        shutil.rmtree(self.root / "state", ignore_errors=True)
        shutil.rmtree(archive, ignore_errors=True)
        passcmd = f"--passcmd=cat {self.root / 'passphrase'}"
        local, dest = f"--local={self.images}", f"--dest={way.url}"
        self.run(way, "--remember", passcmd, local, dest, "arch-init")
        sent = self.run(way, "send", "disk.img")
        target = self.root / "restored.img"
        target.unlink(missing_ok=True)
        restored = self.run(way, f"--save-to={target}", "receive", "disk.img")
        same = ["cmp", "--", str(target), str(self.images / "disk.img")]
        if subprocess.run(same).returncode:
            raise SystemExit(f"what came back from {way.url} differs")
        return dict(zip(JOBS, (sent, restored), strict=True))


def make_image(path: Path, size: int) -> None:
    """An image whose bytes compress to about half, with no two alike."""
    source = random.Random(1)
    with open(path, "wb") as file:
        for _ in range(size >> 20):
            half = source.randbytes(1 << 19)
            file.write(half + bytes(each & 3 for each in half))


def cipher_of(server: SshServer) -> str:
    """What OpenSSH agreed on with that server."""
    said = subprocess.run(
        [str(server.bin / "ssh"), "-v", "store", "true"],
        capture_output=True,
        text=True,
    ).stderr
    found = re.search(r"kex: server->client cipher: (\S+)", said)
    return found[1] if found else "unknown"


def main() -> int:
    """Measure, print and keep; 0 when every goal is met."""
    options = parse_arguments()
    if not is_installed():
        raise SystemExit("install first: apt install openssh-server")
    with tempfile.TemporaryDirectory(dir=options.workdir) as folder:
        root = Path(folder)
        (root / "ssh").mkdir()
        server = SshServer(root / "ssh", options.cipher)
        try:
            return compare(root, server, options)
        finally:
            server.stop()


def parse_arguments() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size-mib", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workdir", type=Path)
    parser.add_argument(
        "--cipher", default=CIPHER, help='"" for what OpenSSH prefers'
    )
    parser.add_argument("--json", type=Path, help="write the figures there")
    return parser.parse_args()


def compare(root: Path, server: SshServer, options: argparse.Namespace) -> int:
    """Run all rounds and report."""
    qubes = Qubes(root / "qubes")
    there = qubes.add("backup").home / "wyng" / "bench"
    ways = {
        BASE: (
            Way(BASE, f"internal:{root}/in", os.environ["PATH"]),
            root / "in",
        ),
        "qrexec stand-in": (
            Way("qrexec stand-in", "qubes://backup/bench", qubes.path),
            there,
        ),
        "sshd on loopback": (
            Way("sshd on loopback", server.url("bench"), server.path),
            server.archives / "bench",
        ),
    }
    bench = Bench(root, options.size_mib << 20)
    rounds = []
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", flush=True)
        rounds.append({name: bench.measure(*way) for name, way in ways.items()})
    figures = ratios(rounds)
    cipher = cipher_of(server)
    met = report(figures, rounds, options.size_mib, cipher)
    if options.json is not None:
        kept = {"size_mib": options.size_mib, "cipher": cipher}
        text = json.dumps({**kept, "ratios": figures, "seconds": rounds})
        options.json.write_text(text + "\n")
    return 0 if met else 1


def ratios(
    rounds: "list[dict[str, dict[str, float]]]",
) -> "dict[str, dict[str, float]]":
    """Way -> job -> median over the rounds of its rate by that of BASE."""
    return {
        name: {
            job: statistics.median(
                each[BASE][job] / each[name][job] for each in rounds
            )
            for job in JOBS
        }
        for name in GOALS
    }


def report(
    figures: "dict[str, dict[str, float]]",
    rounds: "list[dict[str, dict[str, float]]]",
    size_mib: int,
    cipher: str,
) -> bool:
    """Print a table; True when every goal is met."""
    print(f"\n{size_mib} MiB, {len(rounds)} rounds; ssh: {cipher}\n")
    print("| way | first send, MiB/s | restore, MiB/s | of internal: | goal |")
    print("|---|--:|--:|--:|--:|")
    met = True
    for name in (BASE, *GOALS):
        rates = [
            size_mib / statistics.median(each[name][job] for each in rounds)
            for job in JOBS
        ]
        share, goal = "", ""
        if name in GOALS:
            share = ", ".join(f"{figures[name][job]:.2f}" for job in JOBS)
            goal = str(GOALS[name])
            met = met and min(figures[name].values()) >= GOALS[name]
        print(
            f"| {name} | {rates[0]:.0f} | {rates[1]:.0f} | {share} | {goal} |"
        )
    return met


if __name__ == "__main__":
    sys.exit(main())

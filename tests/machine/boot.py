# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Starts the virtual machine, once, and hands back what its tests said.

QEMU without KVM boots Debian's kernel on this system's own files (read-only,
over 9p) by virtme-ng. The machine unpacks the hot files into its memory, runs
pytest there and writes each report as a line of JSON into the one folder it
may write to. It ends with its tests or at a deadline, whichever comes first.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from machine import hot_files

ROOT = hot_files.ROOT
SECONDS = 1500
SECONDS_LONG = 2400
_TAIL = 40
_PASSED_ON = ("CI", "WYNG_TEST_LONG")
# QEMU keeps what it translated by the address that it ran at: programs at the
# same ones are not translated again at each start, and LVM's are started by
# the thousand. The others spare it work that protects nobody in there.
_KERNEL_WORDS = (
    *("norandmaps", "mitigations=off", "init_on_alloc=0", "no5lvl"),
    "tsc=reliable",
)


@dataclass(frozen=True)
class Outcome:
    """What came out: serialized reports by test, and the console's end."""

    reports: Dict[str, List[Dict[str, Any]]]
    console: str


def find_kernel() -> Optional[Path]:
    """A vmlinuz beside whose boot/ lie its lib/modules."""
    given = os.environ.get("WYNG_MACHINE_KERNEL")
    if given:
        return Path(given)
    for folder in (ROOT / "build" / "machine", Path("/")):
        for path in sorted(folder.glob("boot/vmlinuz-*-amd64")):
            version = path.name.split("-", 1)[1]
            if (folder / "lib" / "modules" / version).is_dir():
                return path
    return None


def why_not() -> str:
    """Why no machine can be started here; "" when one can."""
    if shutil.which("qemu-system-x86_64") is None:
        return "no qemu-system-x86_64 for the virtual machine"
    if _vng() is None:
        return "no virtme-ng for the virtual machine"
    if shutil.which("busybox") is None:
        return "no busybox for the virtual machine"
    missing = hot_files.missing_programs()
    if missing:
        return f"the virtual machine lacks {', '.join(missing)}"
    if find_kernel() is None:
        return "no kernel for the virtual machine: run tests/machine/prepare"
    return ""


def run_inside(tests: Sequence[str], folder: Path) -> Outcome:
    """Run tests, by their node ids, in one machine.

    `folder` is empty and becomes the machine's folder for results.
    """
    hot_files.pack(folder / "hot.tar")
    (folder / "tests.json").write_text(json.dumps(list(tests)))
    passed = {name: os.environ.get(name, "") for name in _PASSED_ON}
    (folder / "environment.json").write_text(json.dumps(passed))
    shutil.copy(Path(__file__).with_name("inside.sh"), folder)
    console = folder / "console.log"
    with open(console, "wb") as log:
        _run(_command(folder), log, _deadline())
    (folder / "hot.tar").unlink()
    lines = console.read_text("utf-8", "replace").splitlines()
    return Outcome(_reports(folder / "reports"), "\n".join(lines[-_TAIL:]))


def _deadline() -> int:
    """Seconds; WYNG_MACHINE_SECONDS is for machines that are busy."""
    given = os.environ.get("WYNG_MACHINE_SECONDS")
    if given:
        return int(given)
    return SECONDS_LONG if os.environ.get("WYNG_TEST_LONG") else SECONDS


def _run(command: List[str], log: Any, seconds: int) -> None:
    machine = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={**os.environ, "PATH": _path()},
    )
    try:
        machine.wait(seconds)
    except subprocess.TimeoutExpired:
        log.write(b"\nKILLED: the machine did not end in time\n")
    finally:
        if machine.poll() is None:
            os.killpg(machine.pid, signal.SIGKILL)
            machine.wait()


def _command(folder: Path) -> List[str]:
    vng, kernel = _vng(), find_kernel()
    assert vng is not None and kernel is not None
    return [
        *(vng, "--disable-kvm", "-r", str(kernel), "--force-9p"),
        # Two would wait for each other in spinning, on a host that is busy.
        *("--memory", "3G", "--cpus", "1", "-v", f"--rwdir={folder}"),
        *(f"--append={word}" for word in _KERNEL_WORDS),
        *("--", f"sh {folder}/inside.sh {folder} {sys.version_info[1]}"),
    ]


def _vng() -> Optional[str]:
    return shutil.which("vng", path=_path())


def _path() -> str:
    return f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"


def _reports(path: Path) -> Dict[str, List[Dict[str, Any]]]:
    found: Dict[str, List[Dict[str, Any]]] = {}
    if path.exists():
        for line in path.read_text("utf-8").splitlines():
            report = json.loads(line)
            found.setdefault(report["nodeid"], []).append(report)
    return found

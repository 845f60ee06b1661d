# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A program in the place of qrexec-client and qrexec-client-vm.

    client.py STATE dom0 -d VM "DEFAULT:QUBESRPC SERVICE dom0"
    client.py STATE CALLER -- VM SERVICE

Starts a qube's real scripts with the environment that qrexec gives them and
carries the bytes of both directions in pieces of 64 KiB. STATE/qubes.json
says which qubes run, and which fault happens to whom.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

PROBLEM, REFUSED, MISSING, LOST = 125, 126, 127, 255
PIECE = 64 * 1024
# What a caller may write into nothing before it notices.
SWALLOWED = 8 << 20
# Sizes of what went to the service.
CARRIED: List[int] = []
# The exit code that a fault gives.
FORCED: List[int] = []
_DOM0 = re.compile(r"DEFAULT:QUBESRPC (\S+) dom0")
_OTHER_BYTES = re.compile(r"[^A-Za-z0-9_.+-]")


def main(words: List[str]) -> int:
    state, caller = Path(words[0]), words[1]
    vm, service = _parse(caller, words[2:])
    known: Dict[str, Any] = json.loads((state / "qubes.json").read_text())
    fault = _fault(known, service)
    if caller != "dom0" and not _policy_allows(state, caller, vm, service):
        return _say("Request refused", REFUSED)
    if vm != "dom0" and not known["qubes"].get(vm, {}).get("running"):
        return _say(
            "connect_unix_socket: connect /var/run/qubes/qrexec."
            f"{vm}: No such file or directory",
            PROBLEM,
        )
    if fault.get("kind") == "refused":
        return REFUSED
    script = _script(state / "qubes" / vm / "rpc", service)
    if script is None or fault.get("kind") == "missing":
        return MISSING
    with open(state / "calls", "a", encoding="ascii") as calls:
        calls.write(f"start {service} {os.getpid()}\n")
        calls.flush()
        try:
            return _call(state / "qubes" / vm, caller, service, script, fault)
        finally:
            calls.write(f"end {service} {os.getpid()} {sum(CARRIED)}\n")


def _parse(caller: str, words: List[str]) -> Tuple[str, str]:
    if caller == "dom0":
        assert len(words) == 3 and words[0] == "-d", words
        found = _DOM0.fullmatch(words[2])
        assert found is not None, words
        return words[1], found[1]
    assert len(words) == 3 and words[0] == "--", words
    # From a qube, every other byte arrives so.
    return words[1], _OTHER_BYTES.sub("_", words[2])


def _fault(known: Dict[str, Any], service: str) -> Dict[str, Any]:
    faults: Dict[str, Dict[str, Any]] = known.get("faults", {})
    name = service.split("+")[0]
    return faults.get(name, faults.get("*", {}))


def _policy_allows(state: Path, caller: str, vm: str, service: str) -> bool:
    from policy.evaluator import Call, decide, read_policy

    # First match in the order of the files' names.
    files = sorted((state / "policy.d").glob("*.policy"))
    rules = read_policy("\n".join(each.read_text() for each in files))
    name, plus, argument = service.partition("+")
    return decide(rules, Call(name, "+" + argument, caller, vm)) == "allow"


def _script(folder: Path, service: str) -> "Path | None":
    """A file of the whole name goes before one of the service's."""
    if len(service) > 255:
        return None
    for name in (service, service.split("+")[0]):
        path = folder / name
        if os.access(path, os.X_OK) and path.parent == folder:
            return path
    return None


def _environment(home: Path, caller: str, service: str) -> Dict[str, str]:
    argument = service.partition("+")[2]
    found = {
        "HOME": str(home / "home"),
        "PATH": f"{home}/bin:/usr/bin:/bin",
        "QREXEC_REMOTE_DOMAIN": caller,
        "QREXEC_SERVICE_FULL_NAME": service,
    }
    if argument:
        found["QREXEC_SERVICE_ARGUMENT"] = argument
    if home.name == "dom0":
        found["QREXEC_REQUESTED_TARGET_TYPE"] = "name"
        found["QREXEC_REQUESTED_TARGET"] = "dom0"
    return found


def _held() -> "List[int]":
    """A descriptor that a test has an end of, to see what still lives."""
    return [int(os.environ["HELD"])] if "HELD" in os.environ else []


def _call(
    home: Path, caller: str, service: str, script: Path, fault: Dict[str, Any]
) -> int:
    argument = service.partition("+")[2]
    child = subprocess.Popen(
        [str(script), *([argument] if argument else [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=_environment(home, caller, service),
        cwd=home / "home",
        bufsize=0,
        pass_fds=_held(),
    )
    assert child.stdin and child.stdout
    after = fault.get("after", 0)
    act = _ACTS.get(fault.get("kind", ""))
    up = threading.Thread(
        target=_carry, args=(0, child.stdin, child, act, after), daemon=True
    )
    up.start()
    act_down = _lose if fault.get("kind") == "lost-down" else None
    _carry(child.stdout.fileno(), None, child, act_down, after)
    code = child.wait()
    if FORCED:
        os.close(1)
        up.join(1)
        return FORCED[0]
    return code if code >= 0 else 128 - code


Act = Callable[[Any, "subprocess.Popen[bytes]"], None]


def _carry(
    source: int,
    sink: Any,
    child: "subprocess.Popen[bytes]",
    act: "Act | None",
    after: int,
) -> None:
    """Bytes one way, until the end or `act`; closes `sink`."""
    passed = 0
    fd = 1 if sink is None else sink.fileno()
    try:
        while True:
            size = PIECE if act is None else min(PIECE, max(after - passed, 1))
            if act is not None and passed >= after:
                act(sink, child)
                return
            data = os.read(source, size)
            if not data:
                break
            passed += len(data)
            if sink is not None:
                CARRIED.append(len(data))
            while data:
                data = data[os.write(fd, data) :]
    except (BrokenPipeError, ValueError):
        # A reader that closes early does not stop the other side.
        return
    finally:
        if sink is not None:
            sink.close()


def _say(text: str, code: int) -> int:
    sys.stderr.write(f"2026-01-01 00:00:00.000 qrexec-client[7]: {text}\n")
    return code


def _swallow(size: int) -> None:
    while size > 0 and (data := os.read(0, PIECE)):
        size -= len(data)


def _kill_sender(sink: Any, child: "subprocess.Popen[bytes]") -> None:
    """The service sees a clean end of file."""
    sink.close()


def _kill_client(sink: Any, child: "subprocess.Popen[bytes]") -> None:
    """As by dom0's memory running out: no exit code of ours comes back."""
    os.kill(os.getpid(), signal.SIGKILL)


def _exit_early(sink: Any, child: "subprocess.Popen[bytes]") -> None:
    """The service is gone, with 0, and nobody reads what still comes."""
    FORCED.append(0)
    child.kill()
    _swallow(SWALLOWED)


def _stall(sink: Any, child: "subprocess.Popen[bytes]") -> None:
    """Nothing more comes to the service until the caller is gone."""
    caller = os.getppid()
    while os.getppid() == caller:
        time.sleep(0.05)


def _lose(sink: Any, child: "subprocess.Popen[bytes]") -> None:
    # As qrexec_process_io of libqrexec/process_io.c, when the agent is gone.
    FORCED.append(LOST)
    _say(
        "process_io.c:250:qrexec_process_io: vchan connection closed early"
        " (fds: 1 0 -1, status: -1 -1)",
        LOST,
    )
    child.kill()


_ACTS: Dict[str, Act] = {
    "sender-killed": _kill_sender,
    "client-killed": _kill_client,
    "early-exit": _exit_early,
    "stall": _stall,
    "lost": _lose,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

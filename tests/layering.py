# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The import rule of the design as a checker over syntax trees.

Owns which module may use what; a rule that must be widened is widened here,
with its reason. Runs nothing of what it reads.
"""

import ast
import sys
from dataclasses import dataclass
from typing import Dict, Iterator, List, Set, Tuple

STDLIB = frozenset(sys.stdlib_module_names)
SIDES = ("wyng_common", "wyng_dom0", "wyng_store")

# What dom0 may install, and the only places that may import the rarer ones.
DOM0_PACKAGES = frozenset({"yaml", "cryptography", "zstandard", "tqdm"})
RARE_PACKAGES: Dict[str, Tuple[str, ...]] = {
    "qubesadmin": ("wyng_dom0.qubes.admin",),
    "PyQt6": ("wyng_dom0.applet",),
    # Draws the QR code of a recovery sheet.
    "qrcode": ("wyng_dom0.applet",),
    "argcomplete": ("wyng_dom0.cli",),
    "Cryptodome": ("wyng_dom0.migrate",),
}

LOWER = frozenset(
    {"sources", "snapshots", "seal", "tree", "archive", "transport", "state"}
    | {"runs", "migrate", "qubes", "files"}
)
BASE = "base"  # errors, events, names: modules directly in wyng_dom0
MIDDLE = LOWER | {BASE}
LAYERS: Dict[str, frozenset[str]] = {
    BASE: frozenset({BASE}),
    "cli": MIDDLE | {"cli", "commands", "engine"},
    "services": MIDDLE | {"services", "commands", "engine"},
    "applet": frozenset({BASE, "applet"}),
    # Holds a key and knows nothing else.
    "agent": frozenset({BASE, "agent", "state"}),
    "commands": MIDDLE | {"commands", "engine"},
    "engine": MIDDLE | {"engine"},
    "state": frozenset({BASE, "state"}),
    # What others may see of a run and do to it: its file and its socket.
    "runs": frozenset({BASE, "runs", "state"}),
    "seal": frozenset({BASE, "seal"}),
    "tree": frozenset({BASE, "tree", "seal"}),
    "archive": frozenset({BASE, "archive", "tree", "seal"}),
    "transport": frozenset({BASE, "transport"}),
    # Reads archives of another program and knows nothing of ours.
    "migrate": frozenset({BASE, "migrate"}),
    # Asks qubesd, and says what of a qube is kept and given back.
    "qubes": frozenset({BASE, "qubes", "archive", "seal", "state"}),
    # A snapshot and a target are made durable by state.durable alone.
    "snapshots": frozenset({BASE, "snapshots", "state"}),
    # Files as a volume: reads as a snapshot is read, unpacks durably.
    "files": frozenset({BASE, "files", "snapshots", "state"}),
    "sources": frozenset(
        {BASE, "sources", "snapshots", "state", "qubes", "files"}
    ),
}

DYNAMIC_MODULES = frozenset(
    {"importlib", "imp", "runpy", "pkgutil", "zipimport", "builtins", "code"}
)
DYNAMIC_NAMES = frozenset({"__import__", "exec", "eval", "compile"})
DYNAMIC_CALLS = frozenset({"sys.modules", "sys.meta_path", "sys.path_hooks"})

DURABLE_CALLS = frozenset(
    {"os.fsync", "os.fdatasync", "os.sync", "os.rename", "os.renames"}
    | {"os.replace", "shutil.move"}
)
DURABLE_DOM0 = "wyng_dom0.state.durable"

PROCESS_CALLS = frozenset(
    {"os.system", "os.popen", "os.fork", "os.forkpty", "os.posix_spawn"}
    | {"os.posix_spawnp", "subprocess.getoutput", "pty.spawn"}
    | {"subprocess.getstatusoutput"}
    | {f"os.exec{kind}" for kind in ("v", "ve", "vp", "vpe", "l", "le", "lp")}
    | {f"os.spawn{kind}" for kind in ("v", "ve", "vp", "vpe", "l", "le", "lp")}
)
# A store is started by dom0, and in a qube by the relay, whose ssh starts one
# elsewhere.
STARTS_STORES = ("wyng_dom0.transport.start", "wyng_store.relay")
# Runs on a host that has nothing else of ours: it keeps the store's file,
# becomes it, and tells by its exit code why it could not.
REMOTE_LOADER = "wyng_common.loader"
# thin_delta's answer may be hundreds of megabytes: it is read as it comes.
STARTS_WHAT_LASTS = (
    *STARTS_STORES,
    "wyng_dom0.cli.agent_start",
    "wyng_dom0.snapshots.commands",
)
# --passcmd, pre and post are the user's own commands; LVM's tools are run by
# snapshots; the key agent outlives the command that starts it.
# Becomes sudo, which becomes the same command as root.
BECOMES_ROOT = "wyng_dom0.cli.elevate"
RUNS_COMMANDS = (
    BECOMES_ROOT,
    # qrexec-client-vm, for a backup qube that asks dom0 for something.
    "wyng_store.calling",
    "wyng_dom0.cli.passcmd",
    "wyng_dom0.cli.user_commands",
    "wyng_dom0.cli.agent_start",
    "wyng_dom0.snapshots",
    # systemctl is asked when the next send is due, and sets timers.
    "wyng_dom0.runs.systemd",
)
LVM_TOOLS = frozenset(
    {"lvm", "lvs", "vgs", "lvcreate", "lvremove", "lvrename", "lvchange"}
    | {"thin_delta", "thin_dump", "dmsetup", "lvresize"}
)

# Who may print and end the process.
ENTRIES = (
    "wyng_dom0.cli",
    "wyng_dom0.services",
    "wyng_dom0.applet.program",
    "wyng_dom0.applet.__main__",
    "wyng_dom0.agent.__main__",
    "wyng_store.main",
    "wyng_store.calling",
    "wyng_store.__main__",
)
ENTRY_CALLS = frozenset(
    {"sys.exit", "os._exit", "sys.stdout", "sys.stderr", "sys.stdin"}
)
ENTRY_NAMES = frozenset({"print", "exit", "quit", "SystemExit", "input"})

PURE_LAYERS = ("wyng_dom0.seal", "wyng_dom0.tree", "wyng_dom0.archive")
PURE_OS = frozenset({"os.urandom", "os.getpid"})
IO_MODULES = frozenset(
    {"subprocess", "socket", "pathlib", "shutil", "tempfile", "fcntl"}
    | {"ctypes", "mmap", "sqlite3", "glob", "select", "signal", "resource"}
)


@dataclass(frozen=True)
class Use:
    """One thing a module uses: a dotted name, or a bare builtin."""

    name: str
    line: int
    imported: bool


def violations(module: str, source: str) -> List[str]:
    """Every breach of the rule in one module, as `module:line: what`."""
    tree = ast.parse(source)
    found = [
        (use.line, text)
        for use in _uses(tree)
        for text in _breaches(module, use)
    ]
    found += _lvm_words(module, tree)
    return [f"{module}:{line}: {text}" for line, text in sorted(set(found))]


def modules_using(name: str, sources: Dict[str, str]) -> Set[str]:
    """The modules that import or use exactly this dotted name, or below."""
    return {
        module
        for module, source in sources.items()
        for use in _uses(ast.parse(source))
        if within(use.name, name)
    }


def within(name: str, *roots: str) -> bool:
    """True when `name` is one of the dotted roots or below it."""
    return any(name == root or name.startswith(root + ".") for root in roots)


def _uses(tree: ast.AST) -> Iterator[Use]:
    aliases = dict(_aliases(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for item in node.names:
                yield Use(item.name, node.lineno, True)
        elif isinstance(node, ast.ImportFrom):
            yield from _from_uses(node)
        elif isinstance(node, (ast.Attribute, ast.Name)):
            name = _dotted(node, aliases)
            if name:
                yield Use(name, node.lineno, False)
        elif isinstance(node, ast.Call) and _moves_a_path(node):
            yield Use("os.rename", node.lineno, False)


def _from_uses(node: ast.ImportFrom) -> Iterator[Use]:
    base = "." * node.level + (node.module or "")
    for item in node.names:
        yield Use(f"{base}.{item.name}", node.lineno, True)


def _aliases(tree: ast.AST) -> Iterator[Tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for item in node.names:
                bound = item.asname or item.name.split(".")[0]
                yield bound, item.name if item.asname else bound
        elif isinstance(node, ast.ImportFrom):
            for item in node.names:
                yield item.asname or item.name, f"{node.module}.{item.name}"


def _dotted(node: ast.AST, aliases: Dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return aliases.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        base = _dotted(node.value, aliases)
        return f"{base}.{node.attr}" if base else ""
    return ""


def _moves_a_path(node: ast.Call) -> bool:
    """Path.rename(x) and Path.replace(x), whatever the path is called.

    str.replace takes two arguments, datetime.replace none without its name.
    """
    if not isinstance(node.func, ast.Attribute) or node.keywords:
        return False
    return node.func.attr in ("rename", "replace") and len(node.args) == 1


def _breaches(module: str, use: Use) -> Iterator[str]:
    if use.imported:
        yield from _import_breaches(module, use.name)
    yield from _dynamic_breaches(use)
    if module != REMOTE_LOADER:
        yield from _durable_breaches(module, use)
        yield from _process_breaches(module, use)
        yield from _entry_breaches(module, use)
    if within(module, *PURE_LAYERS):
        yield from _purity_breaches(use)


def _import_breaches(module: str, name: str) -> Iterator[str]:
    side, top = module.split(".")[0], name.split(".")[0]
    if name.startswith("."):
        yield "relative import: say where it comes from"
    elif top in SIDES:
        if top not in (side, "wyng_common"):
            yield f"{side} must never import {top}"
        elif top == "wyng_dom0":
            yield from _layer_breaches(module, name)
    elif top in RARE_PACKAGES:
        if not within(module, *RARE_PACKAGES[top]):
            yield f"{top} is not to be imported here"
    elif top not in STDLIB:
        if side != "wyng_dom0" or top not in DOM0_PACKAGES:
            yield f"{side} must not import {top}"


def layer_of(name: str) -> str:
    """The layer of a dotted name in wyng_dom0; BASE for its own modules."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in LAYERS else BASE


def _layer_breaches(module: str, name: str) -> Iterator[str]:
    ours, theirs = layer_of(module), layer_of(name)
    if theirs not in LAYERS[ours]:
        yield f"{ours} must not import {theirs} ({name})"


def _dynamic_breaches(use: Use) -> Iterator[str]:
    dynamic = use.name.split(".")[0] in DYNAMIC_MODULES and use.imported
    if dynamic or use.name in DYNAMIC_NAMES or use.name in DYNAMIC_CALLS:
        yield f"{use.name} imports or runs what no test can see"


def _durable_breaches(module: str, use: Use) -> Iterator[str]:
    if use.name not in DURABLE_CALLS or module == DURABLE_DOM0:
        return
    if not within(module, "wyng_store"):  # its one module: see the test
        yield f"{use.name} belongs into {DURABLE_DOM0}"


def _process_breaches(module: str, use: Use) -> Iterator[str]:
    if module == BECOMES_ROOT and use.name == "os.execvp":
        return
    if use.name in PROCESS_CALLS:
        yield f"{use.name} starts a process past subprocess"
    if use.name == "subprocess.Popen" and module not in STARTS_WHAT_LASTS:
        yield f"subprocess.Popen belongs into {STARTS_STORES}"
    if use.imported and within(use.name, "subprocess", "multiprocessing"):
        if not within(module, *STARTS_STORES, *RUNS_COMMANDS):
            yield "processes are not started here"
    if use.name == "fcntl.ioctl" and not within(module, "wyng_dom0.snapshots"):
        yield "ioctl belongs under wyng_dom0.snapshots"


def _entry_breaches(module: str, use: Use) -> Iterator[str]:
    if within(module, *ENTRIES) or use.imported and use.name == "sys":
        return
    if use.name in ENTRY_NAMES or within(use.name, *ENTRY_CALLS):
        yield f"{use.name} belongs into an entry point"


def _purity_breaches(use: Use) -> Iterator[str]:
    if use.imported and use.name.split(".")[0] in IO_MODULES:
        yield f"{use.name}: this layer does no I/O"
    if within(use.name, "os") and use.name not in PURE_OS | {"os"}:
        yield f"{use.name}: this layer does no I/O"
    if use.name in ("open", "io.open", "io.FileIO"):
        yield f"{use.name}: this layer does no I/O"


def _lvm_words(module: str, tree: ast.AST) -> List[Tuple[int, str]]:
    if not within(module, "wyng_dom0") or within(module, "wyng_dom0.snapshots"):
        return []
    return [
        (node.lineno, f"{node.value} belongs under wyng_dom0.snapshots")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value in LVM_TOOLS
    ]

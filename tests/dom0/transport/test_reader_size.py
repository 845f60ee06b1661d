# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What reads from a store stays small enough to be read by a person."""

import ast
from pathlib import Path

from wyng_dom0.transport import answers

LINES_MAX = 300
ROOT = Path(__file__).resolve().parents[3]
OURS = ("wyng_common", "wyng_dom0.transport", "wyng_dom0.errors")
PLACES = {"wyng_common": ROOT / "common", "wyng_dom0": ROOT / "dom0"}


Names = set[tuple[str, str]]


def tree_of(module: str) -> ast.Module:
    path = PLACES[module.split(".")[0]].joinpath(*module.split("."))
    if path.is_dir():
        return ast.Module([], [])
    return ast.parse(path.with_suffix(".py").read_text("utf-8"))


def definitions(module: str) -> "dict[str, ast.stmt]":
    """Name -> the statement at the top of a module that defines it."""
    found: "dict[str, ast.stmt]" = {}
    for node in tree_of(module).body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            found[node.name] = node
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found[target.id] = node
    return found


def imports(module: str) -> "dict[str, tuple[str, str]]":
    """Bound name -> the module and the name that it comes from."""
    return {
        item.asname or item.name: (node.module, item.name)
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.ImportFrom) and node.module
        for item in node.names
    }


def collect(module: str, name: str, seen: Names) -> None:
    """Add a definition and all of ours that it names, at any depth."""
    if (module, name) in seen or not module.startswith(OURS):
        return
    node = definitions(module).get(name)
    if node is None:
        return
    seen.add((module, name))
    come_from = imports(module)
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            collect(*come_from.get(inner.id, (module, inner.id)), seen)
        elif isinstance(inner, ast.Attribute):
            whole = getattr(inner.value, "id", "")
            if whole in come_from:
                collect(".".join(come_from[whole]), inner.attr, seen)


def length(module: str, name: str) -> int:
    node = definitions(module)[name]
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def test_reader_of_answers_has_at_most_300_lines_with_what_it_calls() -> None:
    module = answers.__name__
    seen: Names = set()
    for name in definitions(module):
        collect(module, name, seen)
    called = {each for each in seen if each[0] != module}
    names = {name for _, name in called}
    assert {"parse_message_header", "Status", "Patience", "FRAME_MAX"} <= names
    own = len(Path(answers.__file__).read_text("utf-8").splitlines())
    assert own + sum(length(*each) for each in called) <= LINES_MAX

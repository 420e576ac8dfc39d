"""What the rules look at: every module of segbench, parsed once, and the files that git tracks."""

from __future__ import annotations

import ast
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Module:
    """One source file; `name` is dotted ("segbench.gui.app"), a package's __init__ carries its package's name."""

    name: str
    path: Path
    text: str
    tree: ast.Module

    def within(self, *names: str) -> bool:
        return any(self.name == name or self.name.startswith(f"{name}.") for name in names)

    def imports(self) -> list[tuple[str, int]]:
        """(dotted name, line) of everything imported anywhere in the file, imports for type checkers left out."""
        hidden = {
            inner
            for node in ast.walk(self.tree)
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
            for statement in node.body
            for inner in ast.walk(statement)
        }
        found: list[tuple[str, int]] = []
        for node in ast.walk(self.tree):
            if node in hidden:
                continue
            if isinstance(node, ast.Import):
                found += [(alias.name, node.lineno) for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                found += [(f"{node.module}.{alias.name}", node.lineno) for alias in node.names]
        return found

    def calls(self) -> list[tuple[str, ast.Call]]:
        """(what is called as written: "np.load", "open", "dialog.exec", the call) of every call in the file."""
        return [(ast.unparse(node.func), node) for node in ast.walk(self.tree) if isinstance(node, ast.Call)]

    def at(self, line: int) -> str:
        return f"{self.path.relative_to(ROOT)}:{line}"


def read_modules(folder: Path) -> list[Module]:
    modules = []
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        text = path.read_text(encoding="utf-8")
        name = ".".join(part for part in parts if part != "__init__")
        modules.append(Module(name, path, text, ast.parse(text, str(path))))
    return modules


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def modules() -> list[Module]:
    """Every module of the package."""
    return read_modules(ROOT / "segbench")


@pytest.fixture(scope="session")
def scripts() -> list[Module]:
    return read_modules(ROOT / "scripts")


@pytest.fixture(scope="session")
def tests() -> list[Module]:
    return read_modules(ROOT / "tests")


@pytest.fixture(scope="session")
def tracked() -> dict[str, str]:
    """Path -> text of every text file that git tracks. Skips where this is no git checkout."""
    told = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True)
    if told.returncode or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    texts: dict[str, str] = {}
    for name in told.stdout.decode().split("\0"):
        path = ROOT / name
        if name and path.is_file():
            try:
                texts[name] = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue  # a picture, an archive
    return texts

"""What must not stand in the repository: a machine's paths, a registry's address, unfinished work."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib

# Put together from halves, so that this file does not hold what it looks for
MACHINE = re.compile("|".join(("/" + "work/", "/" + "root/", "/" + "workspace/", r"C:\\" + "Users")))
REGISTRY = re.compile("|".join(("pypi" + r"\.org", "pythonhosted" + r"\.org", "download" + r"\.pytorch", "--" + "(extra-)?index-url", "find" + "-links")))  # fmt: skip
UNFINISHED = re.compile(
    "|".join((r"\bTO" + r"DO\b", r"\bFIX" + r"ME\b", r"\bX" + r"XX\b", "raise NotImplemented" + "Error"))
)


def _find(tracked, pattern):
    return [
        f"{name}:{number} {line.strip()[:100]}"
        for name, text in tracked.items()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_that_no_path_of_a_machine_is_tracked(tracked):
    assert _find(tracked, MACHINE) == []


def test_that_no_registry_is_named(tracked):
    assert _find(tracked, REGISTRY) == []


def test_that_nothing_is_left_unfinished(tracked):
    assert _find({name: text for name, text in tracked.items() if name.endswith(".py")}, UNFINISHED) == []


def test_that_no_tracked_file_is_over_two_megabytes(root, tracked):
    told = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True)
    names = [name for name in told.stdout.decode().split("\0") if name and (root / name).is_file()]
    assert [name for name in names if (root / name).stat().st_size > 2 * 2**20] == []


def test_that_the_constraints_agree_with_the_package(root):
    """Every constrained package is one that pyproject.toml asks for."""
    told = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*told["dependencies"], *(line for extra in told["optional-dependencies"].values() for line in extra)]
    names = {re.split(r"[<>=!;\[ ]", line)[0].lower() for line in asked}
    lines = (root / "scripts/constraints.txt").read_text(encoding="utf-8").splitlines()
    constrained = {line.partition("==")[0].lower() for line in lines if line and not line.startswith("#")}
    assert constrained <= names


def test_that_both_versions_say_the_same(root):
    import segbench

    told = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert told["version"] == segbench.__version__


def test_that_the_map_is_up_to_date(root):
    """segbench/README.md lists every file: run `python scripts/map.py` after adding or renaming one."""
    told = subprocess.run([sys.executable, "scripts/map.py", "--check"], cwd=root, capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr

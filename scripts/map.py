"""Writes the list of files in segbench/README.md from the modules' own first sentences, so that the map cannot go stale.

python scripts/map.py [--check]      --check only says whether the list is up to date
"""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAP = ROOT / "segbench" / "README.md"
START, END = "<!-- files: written by scripts/map.py -->", "<!-- end of files -->"


def list_files() -> str:
    """A Markdown list: folders in bold, below each its modules with their first sentence."""
    lines: list[str] = []
    folders = sorted({path.parent for path in (ROOT / "segbench").rglob("*.py")})
    for folder in (*folders, ROOT / "scripts"):
        rows = [
            f"- `{path.name}` {read_first_sentence(path)}"
            for path in sorted(folder.glob("*.py"))
            if read_first_sentence(path)
        ]
        if rows:
            lines += [f"**{folder.relative_to(ROOT).as_posix()}/**", "", *rows, ""]
    return "\n".join(lines) + "\n"


def read_first_sentence(path: Path) -> str:
    """The first sentence of a module's docstring, in one line; "" if it has none."""
    told = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return re.split(r"(?<=[.;])\s", " ".join(told.partition("\n\n")[0].split()), maxsplit=1)[0].rstrip(".;")


def write_map(text: str) -> str:
    """The map's text with a fresh list of files."""
    head, _, rest = text.partition(START)
    return f"{head}{START}\n\n{list_files()}{END}{rest.partition(END)[2]}"


def main(arguments: list[str]) -> int:
    old = MAP.read_text(encoding="utf-8")
    new = write_map(old)
    if "--check" in arguments:
        print("The map is up to date." if new == old else "The map is stale: run python scripts/map.py")
        return int(new != old)
    MAP.write_text(new, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What all commands share on their way from words to arguments: the parser, and options that several of them take."""

from __future__ import annotations

import argparse
from typing import NoReturn

DATA = "a PurdueShapes .gz (or a folder with its -train and -test file), a folder of images and masks, CamVid or Pascal VOC"
RUN = "a run's folder (its best checkpoint is taken, else its last), a .safetensors checkpoint, or a DLStudio .pt"
SPLIT = "train, val, test ..., or all"

DEFAULT_SPLITS = ("test", "val")

Commands = argparse._SubParsersAction


class Parser(argparse.ArgumentParser):
    """Tells wrong usage in one line, and exits with 1."""

    def error(self, message: str) -> NoReturn:
        self.exit(1, f"{self.prog}: {message}. `{self.prog} --help` lists what it takes.\n")


def add_command(commands: Commands[Parser], name: str, help: str, description: str, examples: str) -> Parser:
    return commands.add_parser(
        name,
        help=help,
        description=description,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_json(parser: Parser, what: str) -> None:
    parser.add_argument("--json", action="store_true", help=f"print {what} as JSON to standard output, for scripts")


def add_samples(parser: Parser, default: str | None = None) -> None:
    chosen = parser.add_mutually_exclusive_group()
    told = default or "test if there is one, else val, else all"
    chosen.add_argument("--split", default=default, help=f"{SPLIT} (default: {told})")
    chosen.add_argument("--indices", metavar="LIST", help="samples by index over all splits, such as 0-9,17,20-22")


def add_network(parser: Parser) -> None:
    parser.add_argument("--batch", type=int, default=8, help="images that go through the network together (default: 8)")
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda", "mps"),
        default="auto",
        help="auto takes a GPU if there is one (default: auto)",
    )
    parser.add_argument(
        "--batch-statistics",
        action="store_true",
        help="let batch norms use the statistics of the batch, as the lecture's test loop does; results then depend on --batch",
    )


def add_reading(parser: Parser, scores: bool = False) -> None:
    """How scores become masks. scores: the command compares masks with the truth, so that it can look for thresholds."""
    reading = add_rule(parser, scores)
    reading.add_argument(
        "--rule", choices=("windows", "argmax"), help="windows: inside a class's window; argmax: the highest score"
    )
    reading.add_argument("--threshold", type=float, help="the lower end of every class's window, such as 0.7")
    reading.add_argument(
        "--window", dest="windows", metavar="CLASS=LOW:HIGH", action="append", default=[],
        help="one class's window, such as star=0.6: or disk=115:185; may be given often",
    )  # fmt: skip


def add_rule(parser: Parser, scores: bool) -> argparse._ArgumentGroup:
    """The rules that mean the same for every network."""
    reading = parser.add_argument_group("from scores to masks")
    best = "; best: the threshold a class with the highest IoU on these images (a little too good for them)"
    reading.add_argument(
        "--reading",
        choices=("own", "half", "lecture", "best") if scores else ("own", "half", "lecture"),
        default="own",
        help="own: the checkpoint's; half: above half of a class's grey value; lecture: its windows 25-85 ... (values only)"
        + (best if scores else ""),
    )
    if scores:
        reading.add_argument(
            "--tune-on", metavar="SPLIT", help="with --reading best: choose the thresholds on the images of this split"
        )
    return reading


def add_grid(parser: Parser) -> None:
    parser.add_argument(
        "--grid",
        action="store_true",
        help="score even rows and columns only, which is all the lecture's output layer reaches",
    )


def add_definitions(parser: Parser) -> None:
    parser.add_argument(
        "--definitions", action="store_true", help="say of each number which pixels, which threshold, which mean"
    )

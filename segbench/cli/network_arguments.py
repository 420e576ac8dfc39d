"""What the commands that run or compare networks, or write masks, take on the command line. Loads nothing a --help does not need."""

from __future__ import annotations

from segbench.cli.parser import (
    DATA,
    RUN,
    Commands,
    Parser,
    add_command,
    add_definitions,
    add_grid,
    add_json,
    add_network,
    add_reading,
    add_rule,
    add_samples,
)

_FORMATS = (
    "formats:\n"
    "  palette  one index PNG a sample that looks coloured; overlaps are flattened, and what that hides is counted\n"
    "  planes   one black and white PNG a class; overlaps stay whole\n"
    "  lecture  one grey PNG with the lecture's values 50 .. 250\n"
    "  npz      one NumPy archive a sample with masks and scores\n"
    "  purdue   one .gz in the lecture's layout, a dataset again\n"
    "  coco     one COCO JSON with run-length masks"
)


def _add_format(parser: Parser) -> None:
    from segbench.export.options import FLATTENINGS

    parser.add_argument(
        "--out", metavar="DIR", required=True, help="folder for the files, their class map and manifest.json"
    )
    parser.add_argument(
        "--format",
        choices=("palette", "planes", "lecture", "npz", "purdue", "coco"),
        help="default: planes where objects may overlap, palette where a pixel has one class",
    )
    parser.add_argument(
        "--pattern",
        default="",
        help="file names without the ending, from {stem} {index} {split} {class}; index can be padded as {index:05d}",
    )
    orders = "; ".join(f"{name}: {meaning}" for name, meaning in FLATTENINGS.items())
    parser.add_argument(
        "--flatten", choices=tuple(FLATTENINGS), default="table", help=f"for palette, where objects overlap. {orders}"
    )
    parser.add_argument(
        "--instances",
        choices=("component", "class"),
        default="component",
        help="for coco: one annotation a connected component, or a class",
    )
    parser.add_argument(
        "--color", dest="colors", metavar="CLASS=#RRGGBB", action="append", default=[],
        help="one class's colour in palettes and class maps, such as star=#f0e442; may be given often",
    )  # fmt: skip
    parser.add_argument(
        "--overwrite",
        choices=("refuse", "replace", "skip"),
        default="refuse",
        help="files that stand already: refuse to begin, replace them, or skip them and write what is missing (default: refuse)",
    )
    add_json(parser, "a summary")


def add_predict(commands: Commands[Parser], name: str, help: str) -> None:
    parser = add_command(
        commands,
        name,
        help,
        "Runs a trained network on a dataset or on pictures and writes the masks it predicts, at each picture's own size.\n\n"
        + _FORMATS,
        "  segbench predict runs/first shapes --split test --format palette --out masks\n"
        "  segbench predict runs/first photo1.jpg photo2.jpg --out masks\n"
        "  segbench predict runs/first shapes --window star=0.7: --format coco --out coco",
    )
    parser.add_argument("run", metavar="RUN", help=RUN)
    parser.add_argument("data", metavar="DATA", nargs="+", help=f"{DATA}, a folder of pictures, or pictures")
    add_samples(parser)
    _add_format(parser)
    add_network(parser)
    add_reading(parser)


def add_export(commands: Commands[Parser], name: str, help: str) -> None:
    parser = add_command(
        commands,
        name,
        help,
        "Writes a dataset's own masks (the truth) in another format. For what a network predicts use `segbench predict`.\n\n"
        + _FORMATS,
        "  segbench export camvid --split val --format coco --out camvid-coco\n"
        "  segbench export shapes --indices 0-99 --format planes --out shapes-planes",
    )
    parser.add_argument("data", metavar="DATA", help=DATA)
    add_samples(parser, "all")
    _add_format(parser)


def add_evaluate(commands: Commands[Parser], name: str, help: str) -> None:
    parser = add_command(
        commands,
        name,
        help,
        "Scores what a network predicts against a dataset's masks, each image at its own size: IoU, Dice, precision, recall and\n"
        "boundary IoU a class, pixels pooled over the images and as the images' mean; recall on hidden pixels where objects overlap;\n"
        "IoU by the size of objects. A class that is neither there nor predicted has no IoU and is left out of the mean.",
        "  segbench evaluate runs/first shapes --split test\n"
        "  segbench evaluate runs/first shapes --thresholds --definitions\n"
        "  segbench evaluate runs/first shapes --reading best --tune-on train --worst 10 --csv images.csv\n"
        "  segbench evaluate runs/first camvid --split val --json --each",
    )
    parser.add_argument("run", metavar="RUN", help=RUN)
    parser.add_argument("data", metavar="DATA", help=DATA)
    add_samples(parser)
    add_network(parser)
    add_reading(parser, scores=True)
    add_grid(parser)
    parser.add_argument(
        "--thresholds",
        action="store_true",
        help="list each class's IoU, precision and recall by these thresholds, by the best and by the lecture's",
    )
    parser.add_argument(
        "--confusion", action="store_true", help="print which class was taken for which, where a pixel has one class"
    )
    parser.add_argument("--worst", type=int, default=0, metavar="N", help="list the N images with the lowest mean IoU")
    parser.add_argument(
        "--each", action="store_true", help="list every image with its mean IoU; with --json all its scores"
    )
    parser.add_argument("--csv", metavar="FILE", help="write a table of the images: loss, IoU, each class")
    add_definitions(parser)
    add_json(parser, "everything")


def add_compare(commands: Commands[Parser], name: str, help: str) -> None:
    parser = add_command(
        commands,
        name,
        help,
        "Scores two to six networks on the same images under the same threshold rule: what each costs, its scores, and how much it\n"
        "differs from the first, with the interval that the choice of images leaves open.",
        "  segbench compare runs/first runs/second\n"
        "  segbench compare runs/first runs/second runs/third --data shapes --split test --reading best --tune-on train\n"
        "  segbench compare runs/first/checkpoints/best.safetensors runs/first/checkpoints/last.safetensors --csv runs.csv",
    )
    parser.add_argument("runs", metavar="RUN", nargs="+", help=f"two to six of: {RUN}")
    parser.add_argument("--data", metavar="DATA", help=f"{DATA} (default: what the first run was trained on)")
    add_samples(parser)
    add_network(parser)
    add_rule(parser, scores=True)
    add_grid(parser)
    parser.add_argument("--csv", metavar="FILE", help="write the table as CSV")
    add_definitions(parser)
    add_json(parser, "everything")

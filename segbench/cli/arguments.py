"""What the command line takes: commands, options, their help. Knows no torch, and loads nothing a --help does not need."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable

from segbench import __version__
from segbench.cli.network_arguments import add_compare, add_evaluate, add_export, add_predict
from segbench.cli.parser import DATA, RUN, Commands, Parser, add_command, add_json

_MORE = "`segbench COMMAND --help` tells more. Without a command, `segbench [PATH]` opens the window."


def build_parser(command: str = "") -> Parser:
    """The parser of all commands; sets `command`. Only the named command gets its arguments, the others their line of help."""
    parser = Parser(
        prog="segbench",
        description="A workbench for semantic segmentation: data, training, prediction and export without a window.",
        epilog=_MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"segbench {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    for name, (help, add_arguments) in _COMMANDS.items():
        if name == command:
            add_arguments(commands, name, help)
        else:
            commands.add_parser(name, help=help)
    return parser


def _add_generate(commands: Commands[Parser], name: str, help: str) -> None:
    parser = add_command(
        commands,
        name,
        help,
        "Makes PurdueShapes5MultiObject: flat coloured shapes on black, one to five an image, overlapping, each with its full\n"
        "mask and box. Same seed, same bytes. DLStudio reads the files, too.",
        "  segbench generate shapes --count 10000 --seed 0\n"
        "  segbench generate more.gz --count 500 --seed 7 --size 128",
    )
    parser.add_argument(
        "out", metavar="OUT", help="folder for the -train.gz and -test.gz file, or the name of one .gz file"
    )
    parser.add_argument("--count", type=int, default=10_000, help="training images (default: 10000)")
    parser.add_argument("--test-count", type=int, default=1_000, help="test images; 0 makes none (default: 1000)")
    parser.add_argument("--seed", type=int, default=0, help="any whole number from 0 on (default: 0)")
    parser.add_argument("--size", type=int, default=64, help="side of the square images, 8 to 4096 (default: 64)")
    parser.add_argument("--overwrite", action="store_true", help="replace what stands there")
    add_json(parser, "what was made")


def _add_info(commands: Commands[Parser], name: str, help: str) -> None:
    parser = add_command(
        commands,
        name,
        help,
        "Tells what a dataset, a run, a folder of runs or a checkpoint is and holds.",
        "  segbench info shapes\n  segbench info shapes --scan\n  segbench info runs/first --json",
    )
    parser.add_argument("path", metavar="PATH", help="a dataset, a run, a folder of runs or a checkpoint")
    parser.add_argument(
        "--scan", action="store_true", help="read all masks and count pixels, objects and overlaps a class"
    )
    add_json(parser, "it")


def _add_train(commands: Commands[Parser], name: str, help: str) -> None:
    parser = add_command(
        commands,
        name,
        help,
        "Trains a network into a run: a folder with its settings, its log and its checkpoints. Ctrl+C stops and keeps the model;\n"
        "--resume goes on exactly where a run stopped.",
        "  segbench train shapes --preset lecture --set epochs=1 --out runs/lecture\n"
        "  segbench train shapes --set network.depth=4 --set optimizer.learning_rate=0.002\n"
        "  segbench train --resume runs/lecture --set epochs=6\n" + _describe_settings(),
    )
    parser.add_argument("data", metavar="DATA", nargs="?", help=f"{DATA}; may be left out with --resume")
    parser.add_argument(
        "--network", help="which network: munet, gaussian, fcn, unet, deeplab_v2 ... (default: munet, or the preset's)"
    )
    parser.add_argument(
        "--preset",
        help="where the settings start: recommended, lecture, or a network's small or camvid (default: camvid for data with one "
        "class a pixel, else recommended or small)",
    )
    parser.add_argument("--config", metavar="FILE", help="start from the settings in a JSON file instead of a preset")
    parser.add_argument(
        "--set",
        dest="settings",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="change one setting; may be given often",
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), help="short for --set device=...")
    place = parser.add_mutually_exclusive_group()
    place.add_argument(
        "--out", metavar="RUN", help="the run's folder, new or empty (default: a dated one among your runs)"
    )
    place.add_argument("--resume", metavar="RUN", help="go on with this run; --set epochs=N makes it longer")
    add_json(parser, "a summary at the end")


def _describe_settings() -> str:
    """Every knob with its default and range, for `train --help`."""
    from segbench.architectures import ARCHITECTURES
    from segbench.cli.console import describe_knob
    from segbench.config import TrainConfig, find_presets
    from segbench.knobs import list_knobs

    lines = ["\npresets:"]
    lines += [f"  {preset.name:<22}{preset.about}" for preset in find_presets()]
    lines.append("\nsettings (--set NAME=VALUE; the default is the one without a preset):")
    for knob in list_knobs(TrainConfig()):
        lines += describe_knob(knob)
    for name, kind in ARCHITECTURES.items():
        if name != "munet":
            lines.append(f"\nsettings of the network {name} (--network {name}):")
            for knob in list_knobs(kind(), "network."):
                lines += describe_knob(knob)
    return "\n".join(lines)


def _add_doctor(commands: Commands[Parser], name: str, help: str) -> None:
    parser = add_command(
        commands,
        name,
        help,
        "Looks at versions, devices, the window system and folders, and tells what is wrong and how to mend it.",
        "  segbench doctor\n  segbench doctor --json",
    )
    add_json(parser, "the findings")


def _add_convolution(commands: Commands[Parser], name: str, help: str) -> None:
    parser = add_command(
        commands,
        name,
        help,
        "Computes a convolution or a transpose convolution and prints all of it: sizes, padded input (dots are zeros that were put\n"
        "in), kernel, output, and how many input pixels reach each output pixel.",
        "  segbench conv --transpose -i 4 -k 3 -s 2 -p 1\n"
        "  segbench conv -i 4 -k 2 --matrix --letters\n"
        '  segbench conv --preset "slide 48" --pixel 1,2\n'
        "  segbench conv --transpose -i 32 -k 3 -s 2 -p 2 -d 2 -o 1 --prove",
    )
    parser.add_argument("--transpose", action="store_true", help="a transpose convolution (nn.ConvTranspose2d)")
    for letter, option, meaning in (
        ("-i", "--input", "input size; here and below N or HxW (default: 4)"),
        ("-k", "--kernel", "kernel size (default: 3)"),
        ("-s", "--stride", "stride (default: 1)"),
        ("-p", "--padding", "padding (default: 0)"),
        ("-d", "--dilation", "dilation (default: 1)"),
        ("-o", "--output-padding", "output padding of a transpose convolution (default: 0)"),
    ):
        parser.add_argument(letter, option, type=_read_size, metavar="N", help=meaning)
    parser.add_argument(
        "--values",
        choices=("count", "ones", "random"),
        help="count: 1, 2, 3 ... row by row; random: whole numbers from -9 to 9 (default: count)",
    )
    parser.add_argument("--seed", type=int, help="of --values random (default: 0)")
    parser.add_argument(
        "--preset", metavar="NAME", help="an example: a part of its name, such as 'slide 48' or 'mUnet'"
    )
    parser.add_argument(
        "--channels", type=_read_place, metavar="I,O", help="of a preset with several: input and output channel, from 0"
    )
    parser.add_argument(
        "--pixel", type=_read_place, metavar="R,C", help="write out the sum of this output pixel, from 0"
    )
    parser.add_argument("--matrix", action="store_true", help="print the matrix C as well")
    parser.add_argument("--letters", action="store_true", help="... with letters in place of the kernel's numbers")
    parser.add_argument(
        "--prove", action="store_true", help="compute it in every way there is, PyTorch's too, and compare"
    )
    parser.add_argument("--code", action="store_true", help="print nothing but a PyTorch program that computes it")
    add_json(parser, "everything")


def _add_layers(commands: Commands[Parser], name: str, help: str) -> None:
    parser = add_command(
        commands,
        name,
        help,
        "Lists a network's layers: geometry, sizes, parameters, multiply-accumulates, receptive fields, and where holes are; then\n"
        "what never receives a gradient. Of a checkpoint, or of a network as `segbench train` would make it.",
        "  segbench layers runs/first\n  segbench layers --preset lecture\n"
        "  segbench layers --set network.depth=8 --size 360x480 --all",
    )
    parser.add_argument("checkpoint", metavar="CHECKPOINT", nargs="?", help=f"{RUN}; without, a fresh network")
    parser.add_argument(
        "--preset",
        help="settings that a fresh network starts from: recommended, lecture, camvid (default: recommended)",
    )
    parser.add_argument("--network", metavar="NAME", help="a fresh network of that name (default: the preset's)")
    parser.add_argument(
        "--set", dest="settings", metavar="NAME=VALUE", action="append", default=[],
        help="change one setting of a fresh network, such as network.depth=8; may be given often",
    )  # fmt: skip
    parser.add_argument("--classes", type=int, metavar="N", help="classes of a fresh network (default: 5)")
    parser.add_argument(
        "--size",
        type=_read_size,
        metavar="HxW",
        default=(64, 64),
        help="height and width of the image (default: 64x64)",
    )
    parser.add_argument("--all", action="store_true", help="list every layer, not convolutions alone")
    add_json(parser, "every layer")


def _read_size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(-?\d{1,9})(?:[x×](-?\d{1,9}))?", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text} is neither a number nor HxW, such as 4 or 4x6")
    return int(found[1]), int(found[2] or found[1])


def _read_place(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(-?\d{1,9}),(-?\d{1,9})", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text} is not two numbers, such as 0,2")
    return int(found[1]), int(found[2])


_COMMANDS: dict[str, tuple[str, Callable[[Commands[Parser], str, str], None]]] = {
    "generate": ("make a dataset of shapes", _add_generate),
    "info": ("tell what a path is and holds", _add_info),
    "train": ("train a network", _add_train),
    "predict": ("run a network and write its masks", add_predict),
    "export": ("convert a dataset's own masks to another format", add_export),
    "evaluate": ("score a network on a split", add_evaluate),
    "compare": ("compare networks on the same images", add_compare),
    "doctor": ("tell whether segbench can work here", _add_doctor),
    "layers": ("list the layers of a network, and what is wrong with them", _add_layers),
    "conv": ("compute a convolution or transpose convolution in full", _add_convolution),
}

"""Runs the tests on a fresh machine: makes the environment, installs what is missing, then calls pytest.

python scripts/test.py [--quick] [pytest arguments]      --quick leaves out the tests that take more than ten seconds
"""

import os
import subprocess
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this very file is what tells the user
    sys.exit("segbench needs Python 3.11 or newer; this is Python " + sys.version.split()[0] + ".")

import environment

# What tests compare with; installed without dependencies, so that none of them brings another torch. What each needs follows it
ORACLES = ["dlstudio", "pycocotools", "torchmetrics", "lightning-utilities"]
ORACLES += ["scikit-learn", "joblib", "cloudpickle", "threadpoolctl", "narwhals"]


def main(arguments: list[str]) -> int:
    quick = "--quick" in arguments
    arguments = [argument for argument in arguments if argument != "--quick"]
    python = environment.prepare(["gui", "test"], also=ORACLES)
    environment.install_libraries()
    settings = os.environ.copy()
    settings.setdefault("QT_QPA_PLATFORM", "offscreen")
    # The whole suite in two processes; what is asked for by name in one
    parallel = [] if any(not argument.startswith("-") for argument in arguments) else ["-n", "2", "--dist", "loadfile"]
    command = [str(python), "-m", "pytest", *parallel, *(["-m", "not heavy"] if quick else []), *arguments]
    environment.say("Running the tests" + (" without the heavy ones" if quick else ""))
    return subprocess.call(command, cwd=environment.ROOT, env=settings)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)

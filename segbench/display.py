"""What Qt needs of the machine to open a window: shared libraries, a display, a font. Standard library only and no Qt, because
scripts/run.py asks before anything is installed."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

# Shared library -> Debian package (Ubuntu and Mint use the same names; "t64" variants provide them).
_PACKAGES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libGLX.so.0": "libglx0",
    "libOpenGL.so.0": "libopengl0",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libdbus-1.so.3": "libdbus-1-3",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libgssapi_krb5.so.2": "libgssapi-krb5-2",
    "libX11.so.6": "libx11-6",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libSM.so.6": "libsm6",
    "libICE.so.6": "libice6",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb.so.1": "libxcb1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-glx.so.0": "libxcb-glx0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xinput.so.0": "libxcb-xinput0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libz.so.1": "zlib1g",
    "libzstd.so.1": "libzstd1",
    "libatomic.so.1": "libatomic1",
}
FONT_PACKAGE = "fonts-dejavu-core"
_FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts")
# What the window loads: the modules it imports and the two platform plugins it may run on
_LOADED = (
    *(f"Qt/lib/libQt6{name}.so.6" for name in ("Core", "Gui", "Widgets", "Svg", "Test", "DBus", "XcbQpa", "OpenGL")),
    "Qt/plugins/platforms/libqxcb.so",
    "Qt/plugins/platforms/libqoffscreen.so",
    "Qt/plugins/xcbglintegrations/libqxcb-glx-integration.so",
    "Qt/plugins/xcbglintegrations/libqxcb-egl-integration.so",
)


def find_missing_libraries(pyside: Path) -> list[str]:
    """The shared libraries ("libxcb-cursor.so.0" ...) that this PySide6 folder's window parts ask for and the system lacks.

    Asks the dynamic linker (ldd); empty where there is none (Windows, macOS).
    """
    files = [str(path) for name in _LOADED if (path := pyside / name).exists()]
    ldd = shutil.which("ldd")
    if not files or ldd is None or not sys.platform.startswith("linux"):
        return []
    told = subprocess.run([ldd, *files], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}, timeout=120)
    missing = {line.split("=>")[0].strip() for line in told.stdout.splitlines() if line.rstrip().endswith("not found")}
    return sorted(name for name in missing if not name.startswith("libQt6"))


def find_packages(libraries: Iterable[str]) -> list[str]:
    """The Debian packages that hold these libraries; one that is not known keeps its library's name out of the list."""
    return sorted({_PACKAGES[name] for name in libraries if name in _PACKAGES})


def has_fonts() -> bool:
    """Is there any font a window could write with? Always True outside Linux."""
    if not sys.platform.startswith("linux"):
        return True
    folders = [Path(name).expanduser() for name in _FONT_FOLDERS]
    kinds = {".ttf", ".otf", ".ttc", ".pfb"}
    return any(
        Path(name).suffix.lower() in kinds
        for folder in folders
        for _, _, names in os.walk(folder)
        for name in names
    )  # fmt: skip


def has_display() -> bool:
    """Can a window be seen here? On Linux a display server must be named; QT_QPA_PLATFORM=offscreen and its like count, too."""
    if not sys.platform.startswith("linux"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def write_apt_command(packages: Iterable[str]) -> str:
    """The line that installs Debian packages, with sudo in front unless this is root."""
    sudo = "" if is_root() else "sudo "
    return f"{sudo}apt-get install -y --no-install-recommends {shlex.join(packages)}"


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


NO_DISPLAY = (
    "There is no display here, so no window can open. Start it on a desktop, or connect with `ssh -X`; "
    "without any screen the commands work: segbench generate, train, predict, export, evaluate."
)

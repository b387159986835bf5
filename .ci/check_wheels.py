"""Look into the built wheels: each holds its own package, the data that it needs, and nothing else."""

import sys
import zipfile
from pathlib import Path

NEEDED = {
    "dfcore": [
        "dfcore/py.typed",
        "dfcore/data/faces/dense/landmarks.safetensors",
        "dfcore/data/faces/dense/NOTICE.md",
        "dfcore/data/datasets/splits/faceforensics/train.json",
        "dfcore/inference/report/templates/page.html.j2",
        "dfcore/inference/report/templates/style.css",
    ],
    "dfs_cm": ["dfs_cm/py.typed", "dfs_cm/plugin.py", "dfs_cm/module.py"],
}


def main(folder: Path) -> None:
    wheels = sorted(folder.glob("*.whl"))
    if len(wheels) != 6:
        sys.exit(f"expected six wheels in {folder}, found {len(wheels)}")
    if len({wheel.name.split("-")[1] for wheel in wheels}) != 1:
        sys.exit("the six distributions must have one version")
    for wheel in wheels:
        package = wheel.name.split("-")[0]
        names = zipfile.ZipFile(wheel).namelist()
        strangers = (
            {name.split("/")[0] for name in names} - {package} - {n.split("/")[0] for n in names if ".dist-info/" in n}
        )
        missing = [name for name in NEEDED.get(package, [f"{package}/plugin.py"]) if name not in names]
        tests = [name for name in names if "/tests/" in name]
        if strangers or missing or tests:
            sys.exit(f"{wheel.name}: unexpected {sorted(strangers)}, missing {missing}, tests {tests}")
        print(f"{wheel.name}: {len(names)} files")


main(Path(sys.argv[1]))

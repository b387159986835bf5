"""How long ``dfcore --help`` and ``dfcore plugins`` take, against a process that only imports click.

    python benchmarks/startup.py

Each is run in turn, A B C A B C ..., so that a machine whose speed drifts does not favour one; medians are compared.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from statistics import median

DFCORE = str(Path(sys.executable).parent / "dfcore")
COMMANDS = {
    "import click": [sys.executable, "-c", "import click"],
    "dfcore --help": [DFCORE, "--help"],
    "dfcore plugins": [DFCORE, "plugins"],
}
ROUNDS = 15


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    for command in COMMANDS.values():
        seconds(command)  # the first run fills the disk cache
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, command in COMMANDS.items():
            times[name].append(seconds(command))
    base = median(times["import click"])
    for name, measured in times.items():
        print(f"{name:<16} median {1000 * median(measured):6.1f} ms   x {median(measured) / base:.2f}")


if __name__ == "__main__":
    main()

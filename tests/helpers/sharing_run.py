"""What ``torchrun`` starts for ``test_sharing.py``: two processes that prepare and train a made specialist together,
time after time, and what becomes of it when one of them cannot go on.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import toy_plugin

import dfcore.data.prepare.videos
import dfcore.plugins.loader
import dfcore.training.inputs.sharing as sharing
from dfcore.config import TrainConfig, override
from dfcore.errors import DfcoreError, MediaError, StoreError
from dfcore.plugins import PluginEntry
from dfcore.training.callbacks import metrics_log
from dfcore.training.protocols import BaseCallback
from dfcore.training.runtime.time_limit import TimeLimit
from dfcore.training.trainer import train

RANK = int(os.environ["RANK"])
ODD = "fake_08_c23"
"""A validation video that cannot be prepared: an odd number of them is left."""
made: list[str] = []
"""Videos that this process has prepared since."""
real_prepare = dfcore.data.prepare.videos.prepare_videos


class Trouble:
    """Something that happens on the second process at its second video; the first one has two by then."""

    kind: Callable[[], None] | None = None
    mark = Path()

    @classmethod
    def come(cls) -> None:
        if RANK == 1 and len(made) == 1 and cls.kind is not None:
            cls.mark.touch()
            cls.kind()
        if RANK == 0 and len(made) == 2 and cls.kind is not None:
            while not cls.mark.exists():
                time.sleep(0.02)
            time.sleep(0.5)


def clips(path: Path, plan: Any, *, record: Any, **rest: Any) -> list[Any]:
    Trouble.come()
    if record.id == ODD:
        raise MediaError(f"{path}: made to fail.")
    found = toy_plugin.made_clips(path, plan, record=record, **rest)
    made.append(record.id)
    return found


def full() -> None:
    raise StoreError("no space left for it")


def terminated() -> None:
    os.kill(os.getpid(), 15)


class Clock:
    """Far past every limit when it is told so."""

    late = False

    def __call__(self) -> float:
        return 1e9 if self.late else 0.0


class LateAt(BaseCallback):
    """The time limit, reached on one process alone."""

    def __init__(self, clock: Clock, rank: int) -> None:
        self.clock, self.rank = clock, rank

    def on_step(self, run: Any) -> None:
        self.clock.late = run.step == 2 and run.world.rank == self.rank


@contextmanager
def noted_writes(under: Path) -> Iterator[list[str]]:
    """Files below a folder that this process opens for writing, renames or removes."""
    noted: list[str] = []
    active = True

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if not active or event not in ("open", "os.rename", "os.remove", "os.mkdir"):
            return
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            return
        if str(arguments[0]).startswith(str(under)):
            noted.append(f"{event} {arguments[0]}")

    sys.addaudithook(hook)
    try:
        yield noted
    finally:
        active = False


def attempt(config: TrainConfig, *, trouble: Callable[[], None] | None = None, **how: Any) -> dict[str, Any]:
    """Train; what came of it."""
    made.clear()
    Trouble.kind, Trouble.mark = trouble, Path(config.run.out).parent / "trouble"
    Trouble.mark.parent.mkdir(exist_ok=True)
    found: dict[str, Any] = {}
    try:
        found["metrics"] = train(config, **how).metrics
    except DfcoreError as error:
        found |= {"error": f"{type(error).__name__}: {error}", "told": error.told}
    finally:
        Trouble.kind = None
    return {**found, "made": list(made)}


def configuration(out: Path, **values: object) -> TrainConfig:
    defaults: dict[str, object] = {
        "run.out": str(out / "runs"),
        "run.device": "cpu",
        "data.root": str(out.parent / "data"),
        "data.store": str(out / "store"),
        "data.clip_frames": 2,
        "data.compressions": "c23",
        "data.samples_per_video": 1,
        "data.eval_samples": 3,
        "data.val_share": 0.3,
        "data.workers": 0,
        "stage.dataset": "toy",
        "stage.epochs": 1,
        "stage.batch_size": 2,
        "model.backbone": "test_efficientnet",
        "model.pretrained": False,
    }
    given = {key.replace("__", "."): value for key, value in values.items()}
    return override(TrainConfig(specialist="toy"), {**defaults, **given})


def main() -> None:
    out = Path(sys.argv[1])
    (out / "data").mkdir(exist_ok=True)
    dfcore.plugins.loader.discover = lambda: [PluginEntry("toy", "dfs-toy", "1", "toy_plugin")]
    dfcore.data.prepare.videos.extract_clips = clips
    dfcore.data.prepare.videos.find_detector = lambda name: None
    sharing.prepare_videos = lambda *args, **rest: real_prepare(*args, **{**rest, "workers": 1, "progress": False})
    sharing.LATE = 0.5
    metrics_log.draw = lambda run: None
    found: dict[str, Any] = {}

    with noted_writes(out / "whole" / "runs") as noted:
        found["whole"] = attempt(configuration(out / "whole"))
    found["whole"]["writes"] = noted
    found["finished"] = attempt(configuration(out / "whole"), resume=True)

    for name, trouble in {"full": full, "terminated": terminated}.items():
        found[name] = attempt(configuration(out / name), trouble=trouble)
        found[f"{name}, again"] = attempt(configuration(out / name), resume=True)

    clock = Clock()
    limit = TimeLimit("5h", clock)
    found["late"] = attempt(configuration(out / "late"), limit=limit, trouble=lambda: setattr(clock, "late", True))
    clock.late = False
    whole = configuration(out / "late, training", data__store=str(out / "whole" / "store"), stage__epochs=2)
    found["late, training"] = attempt(whole, limit=TimeLimit("5h", clock), callbacks=[LateAt(clock, 1)])

    apart = configuration(out / "apart", data__store=str(out / f"apart-{RANK}"))
    found["apart"] = attempt(apart)
    (out / f"rank{RANK}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()

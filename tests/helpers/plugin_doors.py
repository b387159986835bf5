"""Where a user meets a broken plugin; and the table of all of them.

    python tests/helpers/plugin_doors.py

installs every plugin of ``broken_plugins.py`` beside one that works, in a temporary folder, and prints the messages.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from broken_plugins import GOOD, WAYS, Way


@contextmanager
def installed(site: Path) -> Iterator[Any]:
    """All of them are installed; the process's registry."""
    for made in (GOOD, *(way.made for way in WAYS)):
        made.write(site)
    names = [GOOD.name, *(way.made.name for way in WAYS)]
    before = os.environ.get("DFCORE_PLUGINS")
    sys.path.insert(0, str(site))
    os.environ["DFCORE_PLUGINS"] = ",".join(names)
    from dfcore.plugins import registry

    registry.cache_clear()
    try:
        yield registry()
    finally:
        sys.path.remove(str(site))
        del os.environ["DFCORE_PLUGINS"]
        if before is not None:
            os.environ["DFCORE_PLUGINS"] = before
        for module in [name for name in sys.modules if name.startswith("made_")]:
            del sys.modules[module]
        registry.cache_clear()


def create(name: str, folder: Path) -> Any:
    import dfcore

    return dfcore.create(name, backbone="test_efficientnet", pretrained=False, seed=0)


def forward(name: str, folder: Path) -> Any:
    """What training, evaluation and prediction do with each batch."""
    from dfcore.testing.views import made_views

    model = create(name, folder)
    return model(made_views(model.spec, 2, image_size=model.image_size))


def predict(name: str, folder: Path) -> Any:
    """What ``predict`` does with a person's clips."""
    from dfcore.data.clips.plan import ClipPlan
    from dfcore.data.prepare.evidence import run_extractor
    from dfcore.inference.clips import evidence_key
    from dfcore.inference.judging import judge
    from dfcore.inference.models import Member
    from dfcore.testing.views import made_clip

    model, clip, plan = create(name, folder).eval(), made_clip(frames=2), ClipPlan(frames=2)
    for one in model.spec.evidence:
        clip.evidence[evidence_key(one, plan.frames)] = run_extractor(one, clip)
    member = Member(name, model, folder / "x.pt", hash="", stage=1, dataset="made", plan=plan, samples=1)
    return judge(member, [clip], "cpu")


def prepare(name: str, folder: Path) -> Any:
    """What ``prepare`` does with each clip."""
    from dfcore.data.prepare.evidence import run_extractor
    from dfcore.plugins import registry
    from dfcore.testing.views import made_clip

    return run_extractor(registry().specialist(name).evidence[0], made_clip())


def pseudo_fake(name: str, folder: Path) -> Any:
    """What ``train`` does with ``data.pseudo_fakes``."""
    from dfcore.data.prepare.pseudo_fakes import forged_pairs
    from dfcore.data.records import VideoRecord
    from dfcore.plugins import registry

    return forged_pairs([VideoRecord("a", folder / "a.mp4", 0)], registry().specialist(name), 1.0, seed=0)


def _train(name: str, folder: Path, **values: Any) -> Any:
    import dfcore
    from dfcore.plugin_check.datasets import made_folder

    data = made_folder(folder / f"data_{name}")
    given = {"model.backbone": "test_efficientnet", "model.pretrained": False, "run.device": "cpu", **values}
    config = dfcore.configure("good", stage=1, data=data, out=folder / f"runs_{name}", set=given)
    return dfcore.train(config, progress=dfcore.SILENT)


def train(name: str, folder: Path) -> Any:
    return _train(name, folder, **{"run.callbacks": f"{name}_notify", "stage.dataset": "folder"})


def scan(name: str, folder: Path) -> Any:
    return _train(name, folder, **{"stage.dataset": f"{name}_videos"})


def loss(name: str, folder: Path) -> Any:
    """What ``train`` does with ``stage.loss`` before its first step."""
    from dfcore.plugins import registry
    from dfcore.specs import resolve
    from dfcore.training.losses import build_loss

    spec = registry().component("loss", f"{name}_loss")
    return build_loss(spec.name, resolve(spec.factory), None, {})


def version(name: str, folder: Path) -> Any:
    """What saved weights say of the plugin that they need."""
    from dfcore.plugins.discovery import distribution_of

    return " ".join(distribution_of(create(name, folder).spec.module))


DOORS: dict[str, Callable[[str, Path], Any]] = {
    one.__name__: one for one in (create, forward, predict, prepare, pseudo_fake, train, scan, loss, version)
}


def met(way: Way, folder: Path) -> str:
    """The message where a user meets a broken plugin; what is given in place of one."""
    from dfcore.errors import DfcoreError

    try:
        return str(DOORS[way.door](way.made.name, folder))
    except DfcoreError as error:
        return f"{type(error).__name__}: {error}"


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as place:
        site, work = Path(place, "site"), Path(place, "work")
        site.mkdir()
        work.mkdir()
        with installed(site) as known:
            from dfcore.plugin_check import check_plugins

            problems = check_plugins(known)
            print(f"good, beside {len(WAYS)} others: {problems['good'] or 'ok'}")
            for way in WAYS:
                print(f"\n{way.title}")
                for text in problems[way.made.name] or ["ok"]:
                    print(f"  --check: {text.replace(str(site), 'SITE')}")
                if way.door:
                    text = met(way, work).replace(str(site), "SITE")
                    print(f"  {way.door}: {'the same' if text.partition(': ')[2] in problems[way.made.name] else text}")


if __name__ == "__main__":
    main()

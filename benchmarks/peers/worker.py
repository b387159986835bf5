"""The side of :mod:`peers.compare` that imports a checkout: one part of one peer, in a process of its own.

    python benchmarks/peers/worker.py (deepfakebench|selfblended) (train|prepare|read) CHECKOUT

It reads lines of JSON, first the settings, then one line for each measurement, and answers each with a line of JSON:
``{"ready": true, "notes": [...]}``, ``{"cpu": seconds, "units": of so many}`` or ``{"failed": "why"}``. It needs
nothing of dfcore, and Python 3.8, so that the interpreter can be the one of the checkout, with its old packages. None
of the checkout's code stands here: what is imported and called is named in ``README.md``.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checkout import Unusable, bare_packages, module, versions, why

if TYPE_CHECKING:
    from collections.abc import Callable

    Measure = Callable[
        [dict[str, Any]], tuple[float, int]
    ]  # of a request: seconds of processor time, of how many units

PREDICTOR = "shape_predictor_81_face_landmarks.dat"


def timed(work: Callable[[], Any], device: str = "cpu") -> float:
    import torch

    if device.startswith("cuda"):
        torch.cuda.synchronize()
    start = time.process_time()
    work()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.process_time() - start


def start_at_random() -> None:
    """A step costs the same with random weights, and none have to be fetched."""
    try:
        network = importlib.import_module("efficientnet_pytorch").EfficientNet
    except ModuleNotFoundError:
        return  # the checkout's own import tells

    def from_pretrained(
        cls: Any, name: str, weights_path: Any = None, advprop: bool = False, in_channels: int = 3, **more: Any
    ) -> Any:
        return cls.from_name(name, in_channels=in_channels, **more)

    network.from_pretrained = classmethod(from_pretrained)


def bench_config(root: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """DeepfakeBench's own settings of EfficientNet-B4, with our size and files, and without weights to load."""
    import yaml

    config: dict[str, Any] = {}
    for name in ("detector/efficientnetb4.yaml", "train_config.yaml"):
        path = root / "training" / "config" / name
        if path.is_file():
            config.update(yaml.safe_load(path.read_text()))
        elif not config:
            raise Unusable(f"{root} has no {path.relative_to(root)}: is it a checkout of DeepfakeBench?")
    crops = settings["crops"]
    files = {"pretrained": None, "lmdb": False, "with_mask": False, "with_landmark": False, "train_dataset": ["peers"]}
    fewer = max(1, crops - 1)  # an older version takes all frames of no video
    return {
        **config,
        **files,
        "resolution": settings["size"],
        "dataset_json_folder": str(Path(settings["place"]) / "json"),
        "label_dict": {"real": 0, "fake": 1},
        "frame_num": {"train": fewer, "test": fewer},
    }


def bench_registry(root: Path) -> str:
    """The module that holds the names of its detectors; checkouts of 2023 have it in another place."""
    places = ("metrics.registry", "utils.registry")
    found = [name for name in places if (root / "training" / (name.replace(".", "/") + ".py")).is_file()]
    return (found or places)[0]


def bench_train(root: Path, settings: dict[str, Any], notes: list[str]) -> Measure:
    import torch

    start_at_random()
    config, device = bench_config(root, settings), settings["device"]
    bare_packages(root, "training", ("detectors", "networks", "loss"))
    registry = module(root, bench_registry(root), "training", ".")
    for package, name in (("detectors", "DETECTOR"), ("networks", "BACKBONE"), ("loss", "LOSSFUNC")):
        setattr(sys.modules[package], name, getattr(registry, name))
    for name in (f"loss.{config['loss_func']}_loss", f"networks.{config['backbone_name']}"):
        module(root, name, "training")
    module(root, f"detectors.{config['model_name']}_detector", "training")
    model = registry.DETECTOR[config["model_name"]](config).to(device).train()
    adam = config["optimizer"]["adam"]
    optimiser = torch.optim.Adam(
        model.parameters(),
        lr=adam["lr"],
        betas=(adam["beta1"], adam["beta2"]),
        eps=adam["eps"],
        weight_decay=adam["weight_decay"],
        amsgrad=adam["amsgrad"],
    )
    data = {
        "image": torch.randn(settings["batch"], 3, settings["size"], settings["size"], device=device),
        "label": torch.arange(settings["batch"], device=device) % 2,
        "mask": None,
        "landmark": None,
    }

    def step() -> None:
        optimiser.zero_grad()
        predictions = model(data)
        model.get_losses(data, predictions)["overall"].backward()
        optimiser.step()
        model.get_train_metrics(data, predictions)

    return lambda request: (timed(step, device), 1)


def blended_train(root: Path, settings: dict[str, Any], notes: list[str]) -> Measure:
    import torch

    start_at_random()
    device, batch, size = settings["device"], settings["batch"], settings["size"]
    model = module(root, "model", "src").Detector().to(device).train()
    images = torch.rand(batch, 3, size, size, device=device)
    labels = torch.arange(batch, device=device) % 2
    notes.append("its step is two forward and two backward passes (SAM)")
    return lambda request: (timed(lambda: model.training_step(images, labels), device), 1)


class Silence:
    """In place of stdout while a dataset is read: the peers' print why an image cannot be read, and take another."""

    def write(self, text: str) -> int:  # noqa: D102
        raise Unusable(f"its dataset could not read an image: {text.strip()}")

    def flush(self) -> None:  # noqa: D102
        return


def reader(dataset: Any, images: int, reads: int) -> Measure:
    """Seconds of images: each item of the dataset has so many."""

    def read_some() -> None:
        with redirect_stdout(Silence()):  # type: ignore[type-var]
            for k in range(reads):
                dataset[k % len(dataset)]

    return lambda request: (timed(read_some), reads * images)


def one_thread() -> None:
    import torch

    torch.set_num_threads(1)
    try:
        importlib.import_module("cv2").setNumThreads(1)
    except ModuleNotFoundError:
        return  # the checkout's own import tells


def bench_read(root: Path, settings: dict[str, Any], notes: list[str]) -> Measure:
    one_thread()
    bare_packages(root, "training", ("dataset",))
    data = module(root, "dataset.abstract_dataset", "training", ".")
    return reader(data.DeepfakeAbstractBaseDataset(bench_config(root, settings), "train"), 1, settings["reads"])


def blended_read(root: Path, settings: dict[str, Any], notes: list[str]) -> Measure:
    one_thread()
    os.chdir(settings["place"])  # it looks for data/FaceForensics++ here
    dataset = module(root, "utils.sbi", "src").SBI_Dataset("train", settings["size"], settings["crops"])
    if not len(dataset):
        raise Unusable("its dataset found none of the frames that were written for it")
    notes.append("a read gives two images, an original and a blended one; the seconds are of one")
    return reader(dataset, 2, settings["reads"])


class Said(logging.Handler):
    """Keeps what a logger was told; one of the peers reports errors there alone."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:  # noqa: D102
        (self.errors if record.levelno >= logging.ERROR else self.lines).append(record.getMessage())


def preparing(work: Callable[[str, str], None], said: Said) -> Measure:
    """A measurement prepares a file into a fresh folder, for the peers leave alone what is there."""

    def measure(request: dict[str, Any]) -> tuple[float, int]:
        said.lines.clear()
        said.errors.clear()
        with tempfile.TemporaryDirectory() as out:
            start = time.process_time()
            work(request["video"], out)
            taken = time.process_time() - start
            if said.errors:  # it may have stopped half-way, and a part of the work is no measure
                raise Unusable(f"at {request['name']} it reported: {said.errors[-1]}")
            if not any(Path(out).rglob("*.png")):
                told = said.lines[-1] if said.lines else "it said nothing"
                raise Unusable(f"it wrote no image for {request['name']} ({told})")
        return taken, 1

    return measure


def predictor_of(root: Path, folder: str) -> str:
    path = root / folder / PREDICTOR
    if not path.is_file():
        raise Unusable(f"its checkout needs the file {folder}/{PREDICTOR}: its README says where to get it")
    return str(path)


def bench_prepare(root: Path, settings: dict[str, Any], notes: list[str]) -> Measure:
    prepare, said = module(root, "preprocess", "preprocessing"), Said()
    predictor_of(root, "preprocessing/dlib_tools")
    os.chdir(root / "preprocessing")  # it names that file relative to here
    prepare.logger = logging.getLogger("peer")  # type: ignore[attr-defined]  # it sets it only when run as a script
    prepare.logger.addHandler(said)

    def work(video: str, out: str) -> None:
        prepare.video_manipulate(Path(video), None, Path(out), "fixed_num_frames", settings["frames"], 1)

    return preparing(work, said)


def blended_prepare(root: Path, settings: dict[str, Any], notes: list[str]) -> Measure:
    crop = module(root, "crop_dlib_ff", "src/preprocess")
    predictor = crop.dlib.shape_predictor(predictor_of(root, "src/preprocess"))
    detector, boxes, network = crop.dlib.get_frontal_face_detector(), None, None
    try:
        boxes = module(root, "crop_retina_ff", "src/preprocess")
        network = boxes.get_model("resnet50_2020-07-20", max_size=2048, device=settings["device"])
        network.eval()
    except Exception as error:
        boxes = None
        notes.append(f"without the boxes of RetinaFace, so its real cost is higher: {why(error, root)}")

    def work(video: str, out: str) -> None:
        crop.facecrop(video, out + "/", detector, predictor, num_frames=settings["frames"])
        if boxes is not None:
            boxes.facecrop(network, video, out + "/", num_frames=settings["frames"])

    return preparing(work, Said())


PARTS = {
    ("deepfakebench", "train"): bench_train,
    ("deepfakebench", "prepare"): bench_prepare,
    ("deepfakebench", "read"): bench_read,
    ("selfblended", "train"): blended_train,
    ("selfblended", "prepare"): blended_prepare,
    ("selfblended", "read"): blended_read,
}


def main() -> None:
    kind, part, folder = sys.argv[1:]
    root = Path(folder).resolve()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the checkout's code prints is no answer
    sys.stdout.reconfigure(line_buffering=True)  # its last words are wanted if it is killed
    sys.path.pop(0)  # this file's folder, whose modules must not stand before the checkout's
    sys.dont_write_bytecode = True  # the checkout is left as it is

    def answer(**said: Any) -> None:
        print(json.dumps(said), file=answers, flush=True)

    notes: list[str] = []
    try:
        settings = json.loads(sys.stdin.readline())
        measure = PARTS[kind, part](root, settings, notes)
        answer(ready=True, notes=[versions(), *notes])
    except (Exception, SystemExit) as error:
        answer(failed=why(error, root))
        return
    for line in sys.stdin:
        try:
            seconds, units = measure(json.loads(line))
            answer(cpu=seconds, units=units)
        except (Exception, SystemExit) as error:  # the next file may do
            answer(failed=why(error, root))


if __name__ == "__main__":
    main()

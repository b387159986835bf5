"""benchmarks/peers/compare.py, tried on stand-ins: small modules with the entry points of the two checkouts.

As in a real one, what imports all of DeepfakeBench needs packages that are not there.
"""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest

from dfcore.testing.demo import make_demo

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"

BENCH = {
    "training/config/detector/efficientnetb4.yaml": """
        {model_name: efficientnetb4, backbone_name: efficientnetb4, loss_func: cross_entropy, compression: c23,
         optimizer: {adam: {lr: 0.1, beta1: 0.9, beta2: 0.9, eps: 0.1, weight_decay: 0.0, amsgrad: false}}}
    """,
    "training/metrics/registry.py": """
        class Names(dict):
            def register_module(self, module_name):
                return lambda made: self.setdefault(module_name, made)
        DETECTOR, BACKBONE, LOSSFUNC = Names(), Names(), Names()
    """,
    "training/networks/__init__.py": "import a_package_of_another_network\n",
    "training/networks/efficientnetb4.py": """
        import torch
        from metrics.registry import BACKBONE
        BACKBONE.register_module("efficientnetb4")(torch.nn.Linear)
    """,
    "training/loss/__init__.py": "import a_package_of_another_loss\n",
    "training/loss/cross_entropy_loss.py": """
        import torch
        from metrics.registry import LOSSFUNC
        LOSSFUNC.register_module("cross_entropy")(torch.nn.CrossEntropyLoss)
    """,
    "training/detectors/__init__.py": "import a_package_of_another_detector\n",
    "training/detectors/efficientnetb4_detector.py": """
        import torch
        from detectors import DETECTOR
        from loss import LOSSFUNC
        from networks import BACKBONE
        print("a library that talks")
        @DETECTOR.register_module("efficientnetb4")
        class Detector(torch.nn.Module):
            def __init__(self, config):
                super().__init__()
                assert config["pretrained"] is None
                self.layer = BACKBONE[config["backbone_name"]](3, 2)
                self.loss = LOSSFUNC[config["loss_func"]]()
            def forward(self, data):
                return {"cls": self.layer(data["image"].mean(dim=(2, 3)))}
            def get_losses(self, data, found):
                return {"overall": self.loss(found["cls"], data["label"])}
            def get_train_metrics(self, data, found):
                return {"acc": (found["cls"].argmax(1) == data["label"]).float().mean().item()}
    """,
    "training/dataset/__init__.py": "import a_package_of_another_dataset\n",
    "training/dataset/sides.py": "SIDES = (256, 256, 3)\n",
    "training/dataset/abstract_dataset.py": """
        import json
        import numpy as np
        from PIL import Image
        from .sides import SIDES
        class DeepfakeAbstractBaseDataset:
            def __init__(self, config, mode):
                with open(config["dataset_json_folder"] + "/peers.json") as file:
                    videos = json.load(file)["peers"]["real"][mode]
                self.files = [name for video in videos.values() for name in video["frames"]]
                assert config["label_dict"][next(iter(videos.values()))["label"]] == 0
            def __len__(self):
                return len(self.files)
            def __getitem__(self, index):
                assert self.files[index].startswith("./")  # it puts a folder of its own before all else
                image = np.array(Image.open(self.files[index]))
                assert image.shape == SIDES
                return image, 0, None, None
    """,
    "preprocessing/dlib_tools/shape_predictor_81_face_landmarks.dat": "weights",
    "preprocessing/preprocess.py": """
        import os
        import av
        def video_manipulate(movie_path, mask_path, dataset_path, mode, num_frames, stride):
            assert os.path.exists("./dlib_tools/shape_predictor_81_face_landmarks.dat")
            assert (mask_path, mode) == (None, "fixed_num_frames")
            folder = dataset_path / "frames" / movie_path.stem
            folder.mkdir(parents=True)
            with av.open(str(movie_path)) as container:
                for number, frame in zip(range(num_frames), container.decode(video=0)):
                    frame.to_image().save(folder / f"{number:03d}.png")
    """,
}
BLENDED = {
    "src/model.py": """
        import torch
        class Detector(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.net = torch.nn.Linear(3, 2)
            def training_step(self, x, target):
                torch.nn.functional.cross_entropy(self.net(x.mean(dim=(2, 3))), target).backward()
                return target
    """,
    "src/utils/__init__.py": "",
    "src/utils/sbi.py": """
        import json
        from glob import glob
        import numpy as np
        from PIL import Image
        PLACE = "data/FaceForensics++/original_sequences/youtube/raw/frames/"
        class SBI_Dataset:
            def __init__(self, phase="train", image_size=224, n_frames=8):
                [names] = json.load(open(f"data/FaceForensics++/{phase}.json"))
                self.image_list = [path for name in names for path in sorted(glob(PLACE + name + "/*.png"))]
            def __len__(self):
                return len(self.image_list)
            def __getitem__(self, index):
                path = self.image_list[index]
                image = np.array(Image.open(path))
                landmarks, boxes = (np.load(path.replace("/frames/", kind).replace(".png", ".npy"))
                                    for kind in ("/landmarks/", "/retina/"))
                assert landmarks.shape[1:] == (81, 2) and boxes.shape[1:] == (7, 2)
                low, high = landmarks[0].min(axis=0), landmarks[0].max(axis=0)
                assert np.abs(np.concatenate([low, high]) - boxes[0, :2].ravel()).max() < 3
                assert (boxes[0, :2] > -20).all() and (boxes[0, 1] < np.array(image.shape[1::-1]) + 20).all()
                return image, image
    """,
    "src/preprocess/shape_predictor_81_face_landmarks.dat": "weights",
    "src/preprocess/crop_dlib_ff.py": "import no_such_landmarks\n",
}


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    return root


@pytest.fixture
def peers(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("peers.compare")


def start(peers: ModuleType, kind: str, part: str, root: Path, place: Path, limit: float = 120.0) -> Any:
    settings = {"place": str(place), "size": 8, "batch": 2, "frames": 2, "device": "cpu", "reads": 1, "crops": 0}
    return peers.Peer(sys.executable, kind, part, root, settings, limit)


RATIO = re.compile(r"ours \S+ s, theirs \S+ s of (cpu|wall) .* ratio ours / theirs [\d.]+ \([\d.]+ to [\d.]+\)")


@pytest.mark.slow
def test_both_peers_are_measured_in_turn_and_what_one_lacks_is_skipped(
    peers: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench, blended = write(tmp_path / "bench", BENCH), write(tmp_path / "blended", BLENDED)
    videos = make_demo(tmp_path / "demo", pairs=(1, 0, 0), frames=16)
    checkouts = ["--deepfakebench", str(bench), "--selfblended", str(blended)]
    small = ["--backbone", "test_efficientnet", "--batch", "2", "--rounds", "2", "--files", "2", "--wall"]
    peers.main([str(videos), *checkouts, *small, "--specialist", "rr"])
    said = capsys.readouterr().out.splitlines()
    ratios = sorted({tuple(line.split()[:2]) for line in said if RATIO.search(line)})
    assert ratios == [
        ("prepare", "DeepfakeBench"),
        ("read", "DeepfakeBench"),
        ("read", "SelfBlendedImages"),
        ("train", "DeepfakeBench"),
        ("train", "SelfBlendedImages"),
    ], said
    assert sum(bool(RATIO.search(line)) for line in said) == 2 * len(ratios)
    skipped = [line for line in said if "skipped" in line]
    assert len(skipped) == 1
    assert "prepare" in skipped[0]
    assert "the package no_such_landmarks" in skipped[0]
    assert not list(bench.rglob("__pycache__"))


def test_our_step_finds_all_the_options_that_it_reads(peers: ModuleType, tmp_path: Path) -> None:
    step = peers.training_step
    read = set(re.findall(r"options\.(\w+)", inspect.getsource(step.make_step) + inspect.getsource(step.serve)))
    assert "clips" in read
    assert read <= set(vars(peers.options_of(["--selfblended", str(tmp_path)])))


def test_a_checkout_is_named_by_its_own_commit_alone(peers: ModuleType, tmp_path: Path) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run([*git, *command], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout
    assert peers.commit_of(tmp_path) == commit[:12]
    (tmp_path / "copied").mkdir()
    assert peers.commit_of(tmp_path / "copied") == "no git checkout"


def test_a_missing_package_is_named_as_it_is_installed(peers: ModuleType, tmp_path: Path) -> None:
    for name, text in (("cv3", "needs the package cv3 "), ("retinaface", "retinaface-pytorch (import retinaface)")):
        root = write(tmp_path / name, {**BENCH, "preprocessing/preprocess.py": f"import {name}.part\n"})
        with pytest.raises(peers.NotMeasured, match=re.escape(text)):
            start(peers, "deepfakebench", "prepare", root, tmp_path)


def test_another_folder_and_a_missing_file_are_told_apart(peers: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(peers.NotMeasured, match="has no src/preprocess/crop_dlib_ff: is it a checkout"):
        start(peers, "selfblended", "prepare", tmp_path, tmp_path)
    root = write(tmp_path / "bench", {"preprocessing/preprocess.py": ""})
    with pytest.raises(peers.NotMeasured, match=r"needs the file preprocessing/dlib_tools/shape_predictor_81\S+\.dat"):
        start(peers, "deepfakebench", "prepare", root, tmp_path)


def test_a_file_that_one_peer_cannot_prepare_is_left_out_for_it_alone(peers: ModuleType) -> None:
    def picky(request: dict[str, str]) -> tuple[float, int]:
        if request["name"] == "b":
            raise peers.NotMeasured("no face")
        return 6.0, 3

    said: list[tuple[str, str]] = []
    sides = {"dfcore": lambda _: (1.0, 1), "picky": picky}
    times = peers.take_turns(sides, [{"name": "a"}, {"name": "b"}], 2, lambda *told: said.append(told))
    assert said == [("picky", "no face")]
    assert sorted(times["dfcore"]) == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]
    assert {key: found["cpu"] for key, found in times["picky"].items()} == {("a", 1): 2.0, ("a", 2): 2.0}


def test_a_peer_that_wrote_nothing_or_takes_too_long_is_not_measured(peers: ModuleType, tmp_path: Path) -> None:
    told = (
        "def video_manipulate(path, *more):\n    if path.name == 'x.mp4':\n        logger.error('no face detector')\n"
    )
    peer = start(
        peers,
        "deepfakebench",
        "prepare",
        write(tmp_path / "a", {**BENCH, "preprocessing/preprocess.py": told}),
        tmp_path,
    )
    with pytest.raises(peers.NotMeasured, match=r"at x.mp4 it reported: no face detector"):
        peer.measure({"video": "x.mp4", "name": "x.mp4"})
    with pytest.raises(peers.NotMeasured, match=r"wrote no image for y.mp4 \(it said nothing\)"):
        peer.measure({"video": "y.mp4", "name": "y.mp4"})
    peer.close()
    raising = "print('the weights are damaged')\nraise ValueError('no model')\n"
    root = write(tmp_path / "c", {**BENCH, "preprocessing/preprocess.py": raising})
    with pytest.raises(peers.NotMeasured, match=r"raised ValueError: no model; it last said: the weights are damaged"):
        start(peers, "deepfakebench", "prepare", root, tmp_path)
    endless = "import time\nprint('waiting for a lock')\ntime.sleep(60)\n"
    root = write(tmp_path / "b", {**BENCH, "preprocessing/preprocess.py": endless})
    with pytest.raises(peers.NotMeasured, match=r"no answer within 2 s \(--limit\)"):
        start(peers, "deepfakebench", "prepare", root, tmp_path, limit=2.0)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["metrics", "utils"])
def test_a_step_of_deepfakebench_needs_no_package_of_its_other_detectors(
    peers: ModuleType, tmp_path: Path, place: str
) -> None:
    files = {
        name.replace("metrics/", f"{place}/"): text.replace("metrics.registry", f"{place}.registry")
        for name, text in BENCH.items()
    }
    peer = start(peers, "deepfakebench", "train", write(tmp_path, files), tmp_path)
    assert peer.measure({"name": "step"})[1] == 1
    peer.close()


def test_an_image_that_a_dataset_cannot_read_is_told_of_at_once(peers: ModuleType, tmp_path: Path) -> None:
    stubborn = """
        class SBI_Dataset(list):
            def __init__(self, *more):
                print("one image")
                super().__init__([0])
            def __getitem__(self, index):
                while True:
                    try:
                        raise OSError("a broken image")
                    except Exception as error:
                        print(error)
    """
    peer = start(peers, "selfblended", "read", write(tmp_path, {**BLENDED, "src/utils/sbi.py": stubborn}), tmp_path)
    with pytest.raises(peers.NotMeasured, match=r"its dataset could not read an image: a broken image"):
        peer.measure({"name": "all"})
    peer.close()


def test_the_ratio_is_that_of_what_was_taken_in_turn(peers: ModuleType) -> None:
    assert peers.compared([1, 2, 4], [2, 4, 8], ["1", "2", "3"]) == "ratio ours / theirs 0.500 (0.500 to 0.500)"
    assert "no interval" in peers.compared([1], [2], ["1"])

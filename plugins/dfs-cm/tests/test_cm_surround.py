import torch

from dfs_cm.surround import face_share, weighted_mean


def test_weights_count():
    values = torch.tensor([[[1.0, 3.0, 100.0]]])
    assert abs(weighted_mean(values, torch.tensor([[1.0, 3.0, 0.0]])).item() - 2.5) < 0.1


def test_share_is_the_mean_over_a_tiles_blocks():
    tile_face = torch.zeros(1, 49, 4, 4)
    tile_face[0, 5, :2] = 0.5
    assert face_share(tile_face)[0, 5].item() == 0.25

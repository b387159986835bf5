"""The classifiers: fused features to two logits."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["LinearClassifier", "MLPClassifier"]


class LinearClassifier(nn.Module):
    """One linear layer, as on features of length 1 (``model.normalize_features``).

    Args:
        features: length of the fused vector, F + C*49.
        dropout: probability with which each feature is left out in training.
    """

    def __init__(self, features: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.features = features
        self.layers = nn.Sequential(nn.Dropout(dropout), nn.Linear(features, 2))

    def forward(self, features: Tensor) -> Tensor:
        """``[B, F + C*49]`` to logits ``[B, 2]`` (real, fake)."""
        logits: Tensor = self.layers(features)
        return logits


class MLPClassifier(nn.Module):
    """One hidden layer with dropout: linear, GELU, linear.

    Args:
        features: length of the fused vector, F + C*49.
        dropout: probability with which each hidden unit is left out in training.
        hidden: width of the hidden layer.
    """

    def __init__(self, features: int, dropout: float = 0.3, hidden: int = 256) -> None:
        super().__init__()
        self.features = features
        self.layers = nn.Sequential(nn.Linear(features, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, 2))

    def forward(self, features: Tensor) -> Tensor:
        """``[B, F + C*49]`` to logits ``[B, 2]`` (real, fake)."""
        logits: Tensor = self.layers(features)
        return logits

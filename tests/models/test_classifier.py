"""The classifier."""

from __future__ import annotations

import torch

from dfcore.models.classifier import MLPClassifier


def test_two_logits_and_dropout_in_training_only():
    torch.manual_seed(0)
    classifier, features = MLPClassifier(features=20, dropout=0.5), torch.randn(4, 20)
    assert classifier.features == 20
    assert classifier.eval()(features).shape == (4, 2)
    assert torch.equal(classifier(features), classifier(features))
    classifier.train()
    assert not torch.equal(classifier(features), classifier(features))


def test_it_is_not_linear_and_every_parameter_learns():
    torch.manual_seed(0)
    classifier, a, b = MLPClassifier(features=20, dropout=0.3).eval(), torch.randn(4, 20), torch.randn(4, 20)
    with torch.no_grad():
        zero = classifier(torch.zeros(4, 20))
        assert not torch.allclose(classifier(a + b) - zero, classifier(a) + classifier(b) - 2 * zero, atol=1e-4)
    classifier(a)[:, 1].sum().backward()
    assert all(p.grad is not None for p in classifier.parameters())


def test_its_layers_are_linear_gelu_dropout_linear():
    classifier = MLPClassifier(features=20)
    first, _, dropout, last = classifier.layers
    assert (first.in_features, first.out_features, last.in_features, last.out_features) == (20, 256, 256, 2)
    assert dropout.p == 0.3
    found = classifier.eval()(torch.ones(1, 20))
    hidden = torch.nn.functional.gelu(first.weight.sum(1) + first.bias)
    torch.testing.assert_close(found[0], last.weight @ hidden + last.bias)

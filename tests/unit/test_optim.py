"""Learning rates follow from progress alone, and weight decay leaves biases alone."""

import pytest
from torch import nn

from segbench.config import OptimizerConfig
from segbench.optim import build_optimizer, compute_learning_rate


def test_that_one_cycle_rises_to_the_rate_and_falls_to_nearly_nothing() -> None:
    config = OptimizerConfig(learning_rate=1.0, schedule="one_cycle")
    rates = [compute_learning_rate(config, step, 1000) for step in range(1000)]
    assert rates[0] == pytest.approx(1 / 25)
    assert max(rates) == pytest.approx(1.0, abs=1e-4)
    assert rates.index(max(rates)) == 300
    assert rates[-1] < 1e-3


def test_that_constant_poly_and_cosine_are_what_their_names_say() -> None:
    assert compute_learning_rate(OptimizerConfig(learning_rate=0.1, schedule="constant"), 700, 1000) == 0.1
    poly = OptimizerConfig(learning_rate=1.0, schedule="poly")
    assert compute_learning_rate(poly, 500, 1000) == pytest.approx(0.5**0.9)
    cosine = OptimizerConfig(learning_rate=1.0, schedule="cosine")
    assert compute_learning_rate(cosine, 500, 1000) == pytest.approx(0.5)
    assert compute_learning_rate(poly, 1000, 1000) == 0


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_that_biases_and_batch_norm_are_not_decayed(name: str) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    optimizer = build_optimizer(OptimizerConfig(name=name, weight_decay=0.1), network)  # type: ignore[arg-type]
    matrices, vectors = optimizer.param_groups
    assert [p.ndim for p in matrices["params"]] == [4]
    assert matrices["weight_decay"] == 0.1
    assert {p.ndim for p in vectors["params"]} == {1}
    assert vectors["weight_decay"] == 0

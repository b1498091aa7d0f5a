"""The networks that are trained from random weights."""

from components.trainer.networks.build import build_network
from components.trainer.networks.config import NetworkConfig


def test_the_residual_network_has_the_size_that_was_measured():
    # The default: 0.57 M parameters (docs of the recipe), 64 x 64 grey in, 128 dimensions out.
    network = build_network(NetworkConfig(), (64, 64, 1))
    assert network.output_shape == (None, 128)
    assert 0.565e6 < network.count_params() < 0.575e6

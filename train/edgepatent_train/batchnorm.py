"""BatchNorm statistics of networks that have seen nothing yet."""

import numpy as np
import torch
from torch import nn

from edgepatent_train.data import DrawingSet
from edgepatent_train.model import DrawingEncoder

MOST = 512  # drawings are plenty for a mean and a variance a channel


@torch.no_grad()
def settle(model: DrawingEncoder, drawings: DrawingSet, *, batch: int = 64) -> None:
    """Give every BatchNorm the statistics of some of ``drawings``; weights stay as they are.

    A network with random weights comes with mean 0 and variance 1 throughout. In eval mode it is
    then another network than the one that training will see, and a head fitted on its features
    fits nothing.
    """
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    rows = np.random.default_rng(0).permutation(len(drawings))[:MOST]
    momenta, training = [norm.momentum for norm in norms], model.training
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean of all batches
    model.train()
    # Full batches only: a last one of a single drawing has no variance.
    for start in range(0, max(1, len(rows) - batch + 1), batch):
        pixels = torch.from_numpy(drawings.pixels(rows[start : start + batch]))[:, None]
        model.features(pixels.to(next(model.parameters()).device))
    model.train(training)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum

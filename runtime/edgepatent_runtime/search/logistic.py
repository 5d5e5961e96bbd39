"""Logistic regression with a few coefficients, by Newton's method."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def fit(features: Floats, targets: Floats, weights: Floats, prior: Floats) -> Floats:
    """The coefficients [F + 1], constant last, of P = sigmoid(features · coefficients + constant).

    ``features`` [N, F] with ``targets`` [N] between 0 and 1 and ``weights`` [N]. A pull of unit
    strength towards ``prior`` [F + 1] keeps what the cases do not determine defined.
    """
    design = np.column_stack([features, np.ones(len(features))])
    fitted = prior.astype(np.float64)
    for _ in range(50):
        sure = sigmoid(design @ fitted)
        gradient = design.T @ (weights * (sure - targets)) + (fitted - prior)
        slopes = (weights * sure * (1 - sure))[:, None]
        step = np.linalg.solve((design * slopes).T @ design + np.eye(len(fitted)), gradient)
        fitted = fitted - step
        if np.abs(step).max() < 1e-8:
            break
    return fitted


def sigmoid(odds: Floats) -> Floats:
    """Log-odds [N] → probabilities [N]."""
    out: Floats = 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
    return out

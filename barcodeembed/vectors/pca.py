"""Principal components: orthogonal directions, ordered by the variance along them."""

from __future__ import annotations

import numpy as np


def principal_axes(covariance_DD: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the variances (D,) along the principal axes, largest first, and the axes (D, D).

    The axes are the columns. The sign of an axis is arbitrary: its largest entry is made positive.
    Any multiple of the covariance matrix gives the same axes, and the variances in proportion.
    """
    variances_D, axes_DD = np.linalg.eigh(covariance_DD)
    variances_D, axes_DD = variances_D[::-1], axes_DD[:, ::-1]
    sign_D = np.sign(axes_DD[np.abs(axes_DD).argmax(0), np.arange(len(variances_D))])
    return variances_D, axes_DD * sign_D

"""The methods that scikit-learn expects of a transformer, without importing scikit-learn."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from barcodeembed.embedding.inputs import Sequences
from barcodeembed.errors import InputError

if TYPE_CHECKING:
    from barcodeembed.model.bundle import ModelBundle


class Transformer:
    """Makes an embedder a scikit-learn transformer: sequences in, unit vectors out.

    A clone has the same model, which is not copied: nothing changes its weights.
    """

    model: ModelBundle

    @property
    def dimension(self) -> int:
        raise NotImplementedError

    def embed(self, sequences: Sequences) -> np.ndarray:
        raise NotImplementedError

    def fit(self, X: Sequences, y: object = None) -> Self:
        """Return self. The model is already trained; nothing is learned from X."""
        return self

    def transform(self, X: Sequences) -> np.ndarray:
        """Return ``embed(X)``: unit vectors, float32 (n, dimension). Raises InputError."""
        return self.embed(X)

    def fit_transform(self, X: Sequences, y: object = None) -> np.ndarray:
        """Return ``transform(X)``."""
        return self.transform(X)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the options: ``device``, ``precision`` and ``offsets``."""
        raise NotImplementedError

    def set_params(self, **params: Any) -> Self:
        """Change options in place and return self. Raises InputError for an unknown option."""
        known = self.get_params()
        for name in params:
            if name not in known:
                raise InputError(f"an embedder has no option {name}; it has {', '.join(known)}")
        self.__init__(self.model, **(known | params))  # type: ignore[misc]
        return self

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Return the names of the columns, as in the tables of `embed`: d1, d2 ..."""
        return np.array([f"d{i}" for i in range(1, self.dimension + 1)], dtype=object)

    def __sklearn_clone__(self) -> Self:
        return type(self)(self.model, **self.get_params())  # type: ignore[call-arg]

    def __reduce__(self) -> tuple[Any, ...]:
        # Weights that are packed for the processor cannot be pickled; they are packed again.
        return partial(type(self), **self.get_params()), (self.model,)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import (
            InputTags,
            Tags,
            TargetTags,
            TransformerTags,
        )

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(preserves_dtype=[]),
            input_tags=InputTags(one_d_array=True, two_d_array=False, string=True),
            requires_fit=False,
        )

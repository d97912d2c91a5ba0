"""All targets of an image in one sequence of the predictor, for a cheaper step.

By default the predictor reads one sequence a target block, and the encoded context stands in each of them.
Here it stands once, before the mask tokens of all targets: K + M*T tokens instead of M * (K + T). It changes
what is predicted, because mask tokens of different targets attend to each other. A patch that lies in two
targets has two equal tokens. benchmarks/README.md has what this costs and saves.
"""

from torch import Tensor

from ..method.ijepa import PREDICTORS
from ..method.predictor import Predictor


class JointPredictor(Predictor):
    """A `Predictor` that reads one sequence an image, the context and then all its targets."""

    def forward(self, context_tokens: Tensor, context_idx: Tensor, target_idx: Tensor,
                context_keep: Tensor | None = None) -> Tensor:  # fmt: skip
        """As `Predictor.forward`: target_idx (B, M, T) -> (B, M, T, out_width)."""
        joint = target_idx.flatten(1).unsqueeze(1)  # (B, 1, M*T)
        answers = super().forward(context_tokens, context_idx, joint, context_keep)
        return answers.reshape(*target_idx.shape, -1)


PREDICTORS["per_image"] = JointPredictor

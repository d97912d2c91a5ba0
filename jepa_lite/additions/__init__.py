"""Additions that the paper does not have and that help short runs.

Each is a setting whose default leaves it out, and it joins a table of method/ under its name. target_norms:
targets without what all images share, and without copies. whitened_patches: an input in which low frequencies
do not drown the rest. muon: steps of equal size in every direction of a matrix. mimetic_init: first weights
whose attention goes to like tokens. joint_targets: all targets of an image in one sequence, for a cheaper
step. stretched_positions is no setting: it lets a trained encoder see larger images.
"""

__all__ = [
    "joint_targets",
    "mimetic_init",
    "muon",
    "stretched_positions",
    "target_norms",
    "whitened_patches",
]

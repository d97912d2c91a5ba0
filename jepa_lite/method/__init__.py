"""I-JEPA itself, in one sitting (paper, section 3 and appendix A.1), in the order in which to read it.

patches: an image as tokens with addresses. vit: attention, block, encoder. masks: what is hidden.
predictor: what is there, at that place? ijepa: the networks and the loss. optim: the rates. step: one
training step."""

__all__ = ["ijepa", "masks", "optim", "patches", "predictor", "step", "vit"]

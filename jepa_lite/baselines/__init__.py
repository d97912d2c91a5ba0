"""What I-JEPA is compared to. released_masks: the masks of the released code, with its quirks.
table6_masks: the rules of the paper's Table 6. pixel_target: the same network, predicting pixels.
switches: I-JEPA without stop-gradient, moving average or predictor, to see what prevents collapse.
"""

__all__ = ["pixel_target", "released_masks", "switches", "table6_masks"]

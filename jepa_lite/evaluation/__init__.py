"""How good is a representation? measures: without labels, is it collapsing? probes: with labels, by
neighbours, linear and attentive probe. comparison: every encoder on every probe, beside its controls.
directions: on synthetic images, which way is the hatching of a hidden tile predicted to run?
"""

__all__ = ["comparison", "directions", "measures", "probes"]

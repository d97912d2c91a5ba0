"""How good is a representation? measures: without labels, is it collapsing? probes: with labels, by
neighbours, linear and attentive probe. comparison: every encoder on every probe, beside its controls.
"""

__all__ = ["comparison", "measures", "probes"]

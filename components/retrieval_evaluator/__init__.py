"""Measures a two-tower model by exact full ranking and blesses it.

`evaluation.evaluate_rankings` is the measurement itself and needs neither TFX nor TensorFlow.
"""

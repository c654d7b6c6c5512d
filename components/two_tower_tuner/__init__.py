"""Searches training options with the `tuner_fn` of a module that arrives as an artifact."""

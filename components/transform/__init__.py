"""TFX Transform that takes its preprocessing_fn as a module artifact."""

"""TFX components for retrieval models."""

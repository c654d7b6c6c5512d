"""TFX StatisticsGen with an engine that needs no Beam."""

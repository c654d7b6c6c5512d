"""ScaNNIndexer: exact and approximate search over all candidates, as a servable model."""

"""EmbeddingExporter: tables of query and candidate embeddings."""

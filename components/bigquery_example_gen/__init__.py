"""ExampleGen for interactions that are in BigQuery."""

"""The local server that stands for BigQuery."""

from support.fake_bigquery import fake_bigquery, key_text  # noqa: F401

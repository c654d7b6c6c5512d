"""Rules of the headings that a FeatureConfig gives other names."""

from __future__ import annotations

from collections.abc import Iterator

from tfx_retrieval.config.checks.registry import feature_config_check
from tfx_retrieval.config.features import RawColumn, raw_columns
from tfx_retrieval.config.findings import Finding, Path, listing, quote
from tfx_retrieval.config.reader import did_you_mean
from tfx_retrieval.proto.feature_config_pb2 import FeatureConfig, FeatureType

# Where columns are named.
_COLUMNS: tuple[Path, ...] = (("query",), ("candidate",), ("interaction",))


@feature_config_check
def check_headings_used(config: FeatureConfig) -> Iterator[Finding]:
    """A heading is that of a column which the config uses."""
    columns = raw_columns(config)
    read = [name for name, column in columns.items() if _is_read(column)]
    for name in sorted(config.headings):
        if name in read:
            continue
        made = name in columns
        yield Finding(
            ("headings", name),
            f"a heading of the history {quote(name)}, which is made from the interactions"
            if made
            else f"a heading of {quote(name)}, which nothing in this config uses",
            "one of the columns in use, " + listing(map(quote, read)),
            "" if made else did_you_mean(name, read),
            relies_on=_COLUMNS,
        )


@feature_config_check
def check_headings_distinct(config: FeatureConfig) -> Iterator[Finding]:
    """No two columns are read from one heading."""
    read = [column for column in raw_columns(config).values() if _is_read(column)]
    # Columns that are called as in the data first: what gives their heading away is at fault.
    read.sort(key=lambda column: (column.name in config.headings, column.name))
    first: dict[str, str] = {}
    for column in read:
        other = first.setdefault(column.heading, column.name)
        if other != column.name:
            yield Finding(
                ("headings", column.name),
                f"{quote(column.heading)}, from which {quote(other)} is read as well",
                "a heading of its own",
                f"Use the name {quote(other)} in both places.",
                relies_on=_COLUMNS,
            )


def _is_read(column: RawColumn) -> bool:
    """Returns whether a column comes from the data."""
    return column.type != FeatureType.history

"""Hypothesis strategies of valid FeatureConfigs: every kind, transform and option.

Import as `from support.feature_strategies import feature_configs`; `tests/conftest.py` puts
`tests/` on the path.
"""

from __future__ import annotations

import json

from hypothesis import strategies as st
from support.config_examples import CANDIDATE_ID, CYCLES, QUERY_ID

from tfx_retrieval.config import parse_feature_config

PLAIN_COLUMNS = ("age", "city", "price", "amount", "colour", "brand", "seen_at", "bio", "tags")
# Names that break code generators: keywords, quotes, braces, backslashes, other scripts, spaces.
ODD_COLUMNS = (
    "class",
    "two words",
    "it's",
    'say "hi"',
    "{braces}",
    "back\\slash",
    "größe",
    "価格",
    "1st",
    "a.b/c",
    "%s",
    "'''",
    "#hash",
    "n" * 128,
)
TIME_UNITS = ["seconds", "milliseconds", "microseconds", "nanoseconds", "days"]

_DIMENSION = st.integers(1, 8)
_NUMBER = st.floats(-1e6, 1e6, allow_nan=False).map(lambda number: round(number, 3))
# What makes a heading of a name.
_AFFIX = st.sampled_from(["The", "größe:", "it's", '"', "1.", "{x}", "\u00a0"])
_TEXT = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), max_size=8)


def some(required=None, **optional):
    """Objects with the required keys and any of the optional ones."""
    return st.fixed_dictionaries(required or {}, optional=optional)


_VOCABULARY = some(
    embedding_dim=_DIMENSION,
    max_size=st.integers(1, 50),
    min_frequency=st.integers(1, 3),
    oov_buckets=st.integers(1, 3),
)
_INDEXES = {
    "vocabulary": _VOCABULARY,
    "integer_id": some({"size": st.integers(1, 50)}, embedding_dim=_DIMENSION),
    "hash": some({"buckets": st.integers(2, 50)}, embedding_dim=_DIMENSION),
}
_METHOD = st.sampled_from(["z_score", "min_max", "min_max_symmetric"])
_NUMERIC_NORMALIZE = some(
    method=_METHOD,
    log=st.booleans(),
    clip_min=st.floats(-100, -1),
    clip_max=st.floats(0, 100),
    projection_dim=_DIMENSION,
)
_TEMPORAL_NORMALIZE = some(method=_METHOD, projection_dim=_DIMENSION)
_BUCKETIZE = some(buckets=st.integers(2, 10), embedding_dim=_DIMENSION)
_CYCLICAL = st.fixed_dictionaries(
    {"cycles": st.lists(st.sampled_from(CYCLES), unique=True, min_size=1)}
)
_TOKENS = some(
    embedding_dim=_DIMENSION,
    max_size=st.integers(1, 50),
    min_frequency=st.integers(1, 3),
    max_tokens=st.integers(1, 8),
    ngrams=st.integers(1, 3),
    oov_buckets=st.integers(1, 3),
)
_HISTORY = some(
    max_length=st.integers(1, 10), pooling=st.sampled_from(["mean", "gru", "attention"])
)
_VALUES = some(
    separator=st.sampled_from(["|", ",", ";;", "\\", "'", ".*"]), max_values=st.integers(1, 5)
)


@st.composite
def _categorical(draw, multiple=None):
    index = draw(st.sampled_from([None, *_INDEXES]))
    feature = {"type": "categorical"}
    if index:
        feature[index] = draw(_INDEXES[index])
    has_values = draw(st.booleans()) if multiple is None else multiple
    if has_values:
        feature["values"] = draw(_VALUES)
    if draw(st.booleans()):
        value = st.integers(0, 9) if index == "integer_id" else _TEXT
        feature["missing_value"] = draw(st.lists(value, max_size=3) if has_values else value)
    return feature


@st.composite
def _numeric(draw):
    transforms = some(
        {"type": st.just("numeric")},
        normalize=_NUMERIC_NORMALIZE,
        bucketize=_BUCKETIZE,
        missing_value=_NUMBER,
    )
    return draw(transforms)


@st.composite
def _temporal(draw):
    transforms = {
        "normalize": _TEMPORAL_NORMALIZE,
        "bucketize": _BUCKETIZE,
        "cyclical": _CYCLICAL,
    }
    chosen = draw(st.lists(st.sampled_from(sorted(transforms)), unique=True, min_size=1))
    feature = {"type": "temporal", "time_unit": draw(st.sampled_from(TIME_UNITS))}
    feature |= {name: draw(transforms[name]) for name in chosen}
    if draw(st.booleans()):
        feature["missing_value"] = draw(
            st.sampled_from(["2011-12-09", "2011-12-09T12:50:00Z", 0, 1_300_000_000])
        )
    return feature


@st.composite
def _vector(draw):
    dimension = draw(_DIMENSION)
    feature = {
        "type": "vector",
        "vector": {"dimension": dimension, "trainable": draw(st.booleans())},
    }
    if draw(st.booleans()):
        feature["missing_value"] = [draw(_NUMBER)] * dimension
    return feature


_SIMPLE_FEATURES = {
    "categorical": _categorical(),
    "numeric": _numeric(),
    "temporal": _temporal(),
    "text": some({"type": st.just("text")}, tokens=_TOKENS, missing_value=_TEXT),
    "boolean": some({"type": st.just("boolean")}, missing_value=st.booleans()),
    "vector": _vector(),
}
_CROSSABLE = ("categorical", "numeric", "temporal", "boolean")


@st.composite
def _side(draw, side_id, columns, with_id_feature):
    """One side; its features have the given columns, besides the id if that is a feature."""
    kinds = [draw(st.sampled_from(sorted(_SIMPLE_FEATURES))) for _ in columns]
    features = [
        {"column": column, **draw(_SIMPLE_FEATURES[kind])}
        for column, kind in zip(columns, kinds, strict=True)
    ]
    if with_id_feature:
        features.insert(0, {"column": side_id, **draw(_categorical(multiple=False))})
    side = {"id": side_id, "features": features}
    crossable = [
        feature["column"]
        for feature in features
        if feature["type"] in _CROSSABLE and "values" not in feature
    ]
    if len(crossable) >= 2 and draw(st.booleans()):
        members = draw(st.lists(st.sampled_from(crossable), unique=True, min_size=2, max_size=3))
        options = some(
            hash_buckets=st.integers(2, 100),
            member_buckets=st.integers(2, 10),
            embedding_dim=_DIMENSION,
        )
        side["crosses"] = [{"columns": members, **draw(options)}]
    if draw(st.booleans()):
        words = [feature["column"] for feature in features if feature["type"] != "vector"]
        side["title"] = draw(st.sampled_from(["label on the box", side_id, *words]))
    return side


@st.composite
def _filters(draw):
    condition = st.one_of(
        st.fixed_dictionaries({"present": st.booleans()}),
        st.fixed_dictionaries({"min": st.floats(-9, 0), "max": st.floats(0, 9)}),
        st.fixed_dictionaries({"one_of": st.lists(_TEXT, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"none_of": st.lists(_TEXT, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"not_prefix": st.sampled_from(["C", "'", "\\"])}),
    )
    columns = draw(st.lists(st.sampled_from([QUERY_ID, CANDIDATE_ID, "filtered only"]), max_size=2))
    return [{"column": column, **draw(condition)} for column in columns]


@st.composite
def feature_config_documents(draw, max_features=3, odd_names=True, label=None):
    """FeatureConfig JSON objects, valid by construction and not yet resolved.

    Args:
        draw: Given by hypothesis.
        max_features: Most features of a side besides its id and its history.
        odd_names: Whether some columns get names that are no identifiers.
        label: Whether there is a label column; None draws it.
    """
    names = PLAIN_COLUMNS + (ODD_COLUMNS if odd_names else ())
    columns = draw(
        st.lists(st.sampled_from(names), unique=True, min_size=2, max_size=2 * max_features)
    )
    least = max(1, len(columns) - max_features)
    half = draw(st.integers(least, min(max_features, len(columns) - 1)))
    has_history = draw(st.booleans())
    query = draw(_side(QUERY_ID, columns[:half], draw(st.booleans())))
    candidate = draw(_side(CANDIDATE_ID, columns[half:], has_history or draw(st.booleans())))
    if has_history:
        name = "earlier items" if odd_names else "earlier_items"
        query["features"].append({"column": name, "type": "history", "history": draw(_HISTORY)})
    if draw(st.booleans()):
        _share_a_vocabulary(query, candidate, draw(_VOCABULARY))
    interaction = {"filters": draw(_filters())}
    if has_history or draw(st.booleans()):
        interaction |= {"timestamp": "happened", "time_unit": draw(st.sampled_from(TIME_UNITS))}
    if draw(st.booleans()):
        interaction["weight"] = "weight"
    if draw(st.booleans()) if label is None else label:
        interaction["label"] = "rating"
    return {
        "name": draw(st.sampled_from(["shop", "it's", '"""', "größe {x}"])),
        "headings": draw(_headings([QUERY_ID, CANDIDATE_ID, *columns])),
        "query": query,
        "candidate": candidate,
        "interaction": interaction,
    }


@st.composite
def _headings(draw, columns):
    """Headings of some of the columns, which are no names of columns themselves."""
    renamed = draw(st.lists(st.sampled_from(columns), unique=True, max_size=3))
    return {column: draw(_AFFIX) + f" {column}"[:100] for column in renamed}


def _share_a_vocabulary(query, candidate, vocabulary):
    """Gives the first vocabulary feature of each side one vocabulary."""
    for side in (query, candidate):
        for feature in side["features"]:
            if feature["type"] == "categorical" and not {"hash", "integer_id"} & feature.keys():
                feature["vocabulary"] = {**vocabulary, "name": "shared words"}
                break


def feature_configs(max_features=3, odd_names=True, label=None):
    """Resolved FeatureConfigs; see `feature_config_documents` for the arguments."""
    documents = feature_config_documents(
        max_features=max_features, odd_names=odd_names, label=label
    )
    return documents.map(lambda document: parse_feature_config(json.dumps(document)))

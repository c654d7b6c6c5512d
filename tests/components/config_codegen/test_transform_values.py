"""What generated transforms make of hand-made rows, against values worked out by hand."""

import numpy as np
import pytest
import tensorflow as tf
from support import generated_modules

_CONFIG = {
    "query": {
        "id": "user",
        "features": [
            {"column": "user", "type": "categorical"},
            {"column": "city", "type": "categorical"},
            {"column": "fruit", "type": "categorical", "missing_value": "none"},
            {"column": "top two", "type": "categorical", "vocabulary": {"max_size": 2}},
            {"column": "often", "type": "categorical", "vocabulary": {"min_frequency": 3}},
            {"column": "three oov", "type": "categorical", "vocabulary": {"oov_buckets": 3}},
            {"column": "home", "type": "categorical", "vocabulary": {"name": "place"}},
            {"column": "age", "type": "numeric", "normalize": {}},
            {"column": "member", "type": "boolean"},
            {"column": "asked", "type": "boolean", "missing_value": True},
            {"column": "when", "type": "temporal", "normalize": {}, "bucketize": {"buckets": 2}},
            {"column": "earlier", "type": "history", "history": {"max_length": 3}},
        ],
        "crosses": [
            {"columns": ["city", "age"], "hash_buckets": 1000, "member_buckets": 2},
            {
                "columns": ["member", "when", "city"],
                "hash_buckets": 1000,
                "member_buckets": 2,
            },
        ],
    },
    "candidate": {
        "id": "item",
        "features": [
            {"column": "item", "type": "categorical"},
            {"column": "made in", "type": "categorical", "vocabulary": {"name": "place"}},
            {"column": "shelf", "type": "categorical", "integer_id": {"size": 5}},
            {
                "column": "slot",
                "type": "categorical",
                "integer_id": {"size": 5},
                "missing_value": 2,
            },
            {"column": "code", "type": "categorical", "hash": {"buckets": 16}},
            {"column": "tags", "type": "categorical", "values": {"max_values": 3}},
            {
                "column": "moods",
                "type": "categorical",
                "values": {"max_values": 3},
                "missing_value": ["calm", "glad"],
            },
            {"column": "genres", "type": "categorical", "values": {"separator": "|"}},
            {"column": "age", "type": "numeric", "bucketize": {"buckets": 2}},
            {"column": "price", "type": "numeric", "normalize": {"method": "min_max"}},
            {"column": "heat", "type": "numeric", "normalize": {"method": "min_max_symmetric"}},
            {
                "column": "income",
                "type": "numeric",
                "normalize": {"log": True, "clip_min": -1, "clip_max": 100, "method": "min_max"},
                "missing_value": 3,
            },
            {"column": "bio", "type": "text", "tokens": {"ngrams": 2, "max_tokens": 4}},
            {"column": "note", "type": "text", "tokens": {"max_tokens": 2}},
            {"column": "look", "type": "vector", "vector": {"dimension": 2}},
            {
                "column": "sound",
                "type": "vector",
                "vector": {"dimension": 2},
                "missing_value": [0.5, -1],
            },
        ],
    },
    "interaction": {"timestamp": "when", "label": "stars", "weight": "worth"},
}

_KINDS = {
    **dict.fromkeys(("user", "city", "fruit", "top two", "often", "three oov", "home"), str),
    **dict.fromkeys(("item", "made in", "code", "tags", "moods", "genres", "bio", "note"), str),
    "earlier": str,
    **dict.fromkeys(("member", "asked", "when", "shelf", "slot"), int),
    **dict.fromkeys(("age", "price", "heat", "income", "look", "sound", "stars", "worth"), float),
}
_SHAPES = {
    **{name: [] for name in _KINDS},
    **{"tags": [4], "moods": [4], "earlier": [4], "look": [2], "sound": [2]},
}

# A multiple of 128 s, float32's step at this time, in which the bounds of buckets are kept.
_NOON = 1_700_000_000
_FULL = {
    "user": "u1",
    "city": "Rome",
    "fruit": "apple",
    "top two": "a",
    "often": "a",
    "three oov": "a",
    "home": "Rome",
    "age": 20.0,
    "member": 1,
    "asked": 0,
    "when": _NOON,
    "earlier": ["i1", "i2", "i3", "i1"],
    "item": "i1",
    "made in": "Oslo",
    "shelf": 0,
    "slot": 0,
    "code": "c",
    "tags": ["x", "y", "x", "z"],
    "moods": ["sad", "calm", "", ""],
    "genres": "Action|Comedy",
    "price": 0.0,
    "heat": -10.0,
    "income": -50.0,
    "bio": "Blue LAMP, blue",
    "note": "d'accord: 3x हिन्दी",
    "look": [1.0, 2.0],
    "sound": [3.0, 4.0],
    "stars": 4.0,
    "worth": 2.0,
}
_DENSE_ROWS = [
    _FULL,
    {
        **_FULL,
        **{"city": "Oslo", "fruit": "pear", "top two": "b", "often": "b", "age": 40.0},
        **{"item": "i2", "shelf": 4, "slot": 4, "price": 5.0, "heat": 0.0, "income": 1e6},
        **{"member": 0, "when": _NOON + 640, "tags": ["", "y", "", "x"], "bio": "Été ÉTÉ"},
        **{"earlier": ["", "i2", "", ""], "home": "Bern", "genres": "Comedy"},
    },
    {
        **_FULL,
        **{"top two": "a", "often": "a", "age": 60.0, "shelf": 5, "slot": -1, "price": 10.0},
        **{"heat": 10.0, "when": _NOON + 1280, "bio": "", "genres": "", "tags": [""] * 4},
        **{"item": "i3", "earlier": [""] * 4, "moods": [""] * 4, "income": 0.0},
    },
    {**_FULL, "top two": "b", "often": "b", "age": 80.0, "when": _NOON + 1920, "item": "i1"},
    {**_FULL, "top two": "c", "often": "a", "three oov": "b", "city": "Oslo", "item": "i1"},
]
# The second half of a sparse data set: rows with nothing but their ids, then unseen values.
_EMPTY = {"user": "u2", "item": "i2"}
_UNSEEN = {
    **_FULL,
    **{"city": "Lima", "fruit": "kiwi", "top two": "?", "often": "?", "three oov": "new"},
    **{"home": "Lima", "made in": "Bern", "item": "i9", "shelf": 99, "slot": -5},
    **{"tags": ["y", "new"], "genres": ["Drama", "Action"], "bio": "Green lamp green"},
    **{"earlier": ["i9", "i2"], "price": 20.0, "heat": -99.0, "age": 1000.0},
}


def _without_empty(row):
    """A row as a file with optional values has it: no empty text, no empty list."""
    lists = {k: [v for v in row[k] if v != ""] for k in ("tags", "moods", "earlier") if k in row}
    return {name: value for name, value in {**row, **lists}.items() if value not in ("", [])}


@pytest.fixture(scope="module")
def dense(tmp_path_factory):
    directory = tmp_path_factory.mktemp("dense")
    raw_schema = generated_modules.schema(_KINDS, _SHAPES)
    return generated_modules.transform(
        _CONFIG, raw_schema, directory, train=_DENSE_ROWS, eval=[_FULL]
    )


@pytest.fixture(scope="module")
def sparse(tmp_path_factory):
    """The same rows with optional columns, rows with gaps, and unseen values in `eval`."""
    directory = tmp_path_factory.mktemp("sparse")
    rows = [_without_empty(row) for row in _DENSE_ROWS]
    return generated_modules.transform(
        _CONFIG,
        generated_modules.schema(_KINDS),
        directory,
        train=rows,
        eval=[_EMPTY, _UNSEEN],
    )


@pytest.fixture(scope="module")
def values(dense):
    return dense.columns()


@pytest.fixture(scope="module")
def empty(sparse):
    return {name: column[0] for name, column in sparse.columns("eval").items()}


@pytest.fixture(scope="module")
def unseen(sparse):
    return {name: column[1] for name, column in sparse.columns("eval").items()}


def test_dense_and_optional_columns_give_the_same(dense, sparse):
    first, second = dense.columns(), sparse.columns()
    assert first.keys() == second.keys()
    for name, column in first.items():
        np.testing.assert_array_equal(column, second[name], err_msg=name)


def test_outputs_are_dense_int64_and_float32(values):
    assert {name: array.dtype for name, array in values.items() if array.dtype == np.int64}.keys()
    floats = {name for name, array in values.items() if array.dtype == np.float32}
    assert floats == {
        *("age_norm", "price_norm", "heat_norm", "income_norm", "when_norm"),
        *("look", "sound", "stars_label", "worth_weight"),
    }
    others = {array.dtype for name, array in values.items() if name not in floats}
    assert others == {np.dtype(np.int64), np.dtype(object)}
    assert [name for name, array in values.items() if array.dtype == object] == ["item_raw"]


def test_vocabulary_orders_by_frequency(dense, values):
    assert dense.vocabulary("city") == ["Rome", "Oslo"]
    assert values["city"].tolist() == [0, 1, 0, 0, 1]


def test_missing_and_unseen_categories_are_out_of_vocabulary(empty, unseen):
    assert (empty["city"], unseen["city"]) == (2, 2)
    assert empty["user"] == 1


def test_missing_category_gets_its_value(dense, sparse, empty, unseen):
    assert sparse.vocabulary("fruit") == ["apple", "pear"]
    # No training row lacks it, so "none" is no term either.
    assert (empty["fruit"], unseen["fruit"]) == (2, 2)


def test_max_size_and_min_frequency(dense, values):
    assert dense.vocabulary("top_two") == ["b", "a"]
    assert values["top two"].tolist() == [1, 0, 1, 0, 2]
    assert dense.vocabulary("often") == ["a"]
    assert values["often"].tolist() == [0, 1, 0, 1, 0]


def test_several_oov_buckets_hold_unseen_values(values, unseen):
    assert values["three oov"].tolist() == [0, 0, 0, 0, 1]
    assert 2 <= unseen["three oov"] < 5


def test_shared_vocabulary_counts_all_its_columns(dense, values, unseen):
    # Five rows say Oslo in `made in`, four Rome and one Bern in `home`.
    assert dense.vocabulary("place") == ["Oslo", "Rome", "Bern"]
    assert values["home"].tolist() == [1, 2, 1, 1, 1]
    assert values["made in"].tolist() == [0] * 5
    assert (unseen["home"], unseen["made in"]) == (3, 2)


def test_integer_ids_outside_the_range_share_one_row(values, empty, unseen):
    assert values["shelf"].tolist() == [0, 4, 5, 0, 0]
    assert values["slot"].tolist() == [0, 4, 5, 0, 0]
    assert (unseen["shelf"], unseen["slot"]) == (5, 5)
    assert (empty["shelf"], empty["slot"]) == (5, 2)


def test_hash_is_a_fingerprint(values, empty):
    expected = tf.strings.to_hash_bucket_fast(["c", ""], 16).numpy()
    assert values["code"].tolist() == [expected[0]] * 5
    assert empty["code"] == expected[1]


def test_list_column_is_cut_and_padded(dense, values, empty, unseen):
    # Only the values that are used make the vocabulary: no "z", the fourth of its row.
    assert dense.vocabulary("tags") == ["x", "y"]
    assert values["tags"].tolist() == [[0, 1, 0], [1, 0, -1], [-1, -1, -1], [0, 1, 0], [0, 1, 0]]
    assert empty["tags"].tolist() == [-1, -1, -1]
    assert unseen["tags"].tolist() == [1, 2, -1]


def test_missing_list_gets_its_values(dense, values, empty):
    assert dense.vocabulary("moods") == ["calm", "sad", "glad"]
    assert values["moods"].tolist() == [[1, 0, -1]] * 2 + [[0, 2, -1]] + [[1, 0, -1]] * 2
    assert empty["moods"].tolist() == [0, 2, -1]


def test_separated_values(dense, values, empty, unseen):
    assert dense.vocabulary("genres") == ["Comedy", "Action"]
    assert values["genres"].shape == (5, 8)
    assert values["genres"][:3, :3].tolist() == [[1, 0, -1], [0, -1, -1], [-1, -1, -1]]
    assert empty["genres"].tolist() == [-1] * 8
    assert unseen["genres"][:3].tolist() == [2, 1, -1]


def test_z_score(values, empty, unseen):
    ages = np.array([20.0, 40, 60, 80, 20])
    np.testing.assert_allclose(
        values["age_norm"], (ages - ages.mean()) / ages.std(), rtol=1e-5, atol=1e-6
    )
    assert empty["age_norm"] == 0
    np.testing.assert_allclose(unseen["age_norm"], (1000 - ages.mean()) / ages.std(), rtol=1e-5)


def test_min_max_scales_and_clips_to_the_training_range(values, empty, unseen):
    np.testing.assert_allclose(values["price_norm"], [0, 0.5, 1, 0, 0])
    assert (empty["price_norm"], unseen["price_norm"]) == (0.5, 1)
    np.testing.assert_allclose(values["heat_norm"], [-1, 0, 1, -1, -1])
    assert (empty["heat_norm"], unseen["heat_norm"]) == (0, -1)


def test_clip_comes_before_log_and_log_before_scaling(values, empty):
    def scaled(x):
        low, high = -np.log(2), np.log(101)
        x = np.clip(x, -1, 100)
        return (np.sign(x) * np.log1p(np.abs(x)) - low) / (high - low)

    incomes = np.array([-50, 1e6, 0, -50, -50])
    np.testing.assert_allclose(values["income_norm"], scaled(incomes), atol=1e-6)
    np.testing.assert_allclose(empty["income_norm"], scaled(3.0), atol=1e-6)


def test_buckets_cut_at_quantiles_and_keep_one_for_missing(values, empty, unseen):
    assert values["age_bucket"].tolist() == [0, 1, 1, 1, 0]
    assert (empty["age_bucket"], unseen["age_bucket"]) == (2, 1)


def test_times_are_scaled_without_loss(values, empty):
    # float32 has steps of 128 s at this time, which would show in the third digit.
    times = np.array([0.0, 640, 1280, 1920, 0])
    expected = (times - times.mean()) / times.std()
    np.testing.assert_allclose(values["when_norm"], expected, atol=1e-4)
    assert values["when_bucket"].tolist() == [0, 1, 1, 1, 0]
    assert (empty["when_norm"], empty["when_bucket"]) == (0, 2)


def test_text_is_lowered_split_and_counted(dense, values, empty, unseen):
    terms = dense.vocabulary("bio_tokens")
    # Runs of two words come behind the single ones; the fifth token of a row is left out.
    assert set(terms) == {"blue", "lamp", "blue lamp", "été", "été été"}
    assert terms[0] == "blue"

    def words(row):
        return ["-" if index < 0 else [*terms, "?"][index] for index in row]

    assert words(values["bio_tokens"][0]) == ["blue", "lamp", "blue", "blue lamp"]
    assert words(values["bio_tokens"][1]) == ["été", "été", "été été", "-"]
    assert words(values["bio_tokens"][2]) == ["-"] * 4
    assert words(empty["bio_tokens"]) == ["-"] * 4
    assert words(unseen["bio_tokens"]) == ["?", "lamp", "?", "?"]


def test_marks_belong_to_words_and_punctuation_does_not(dense, values):
    assert set(dense.vocabulary("note_tokens")) == {"d", "accord"}
    assert values["note_tokens"].shape == (5, 2)
    words = tf.strings.regex_replace("d'accord: 3x हिन्दी", r"[^\pL\pM\pN]+", " ")
    assert words.numpy().decode().split() == ["d", "accord", "3x", "हिन्दी"]


def test_vectors(values, empty):
    assert values["look"].tolist() == [[1, 2]] * 5
    assert empty["look"].tolist() == [0, 0]
    assert empty["sound"].tolist() == [0.5, -1]


def test_booleans(values, empty):
    assert values["member"].tolist() == [1, 0, 1, 1, 1]
    assert (empty["member"], empty["asked"], values["asked"][0]) == (0, 1, 0)


def test_history_keeps_the_last_ids_in_the_candidates_vocabulary(dense, values, empty, unseen):
    assert dense.vocabulary("item") == ["i1", "i3", "i2"]
    assert values["item"].tolist() == [0, 2, 1, 0, 0]
    assert values["earlier"].tolist() == [[2, 1, 0], [2, -1, -1], [-1] * 3, [2, 1, 0], [2, 1, 0]]
    assert empty["earlier"].tolist() == [-1, -1, -1]
    assert unseen["earlier"].tolist() == [3, 2, -1]
    assert unseen["item"] == 3


def _hashed(*members):
    return tf.strings.to_hash_bucket_fast("_x_".join(members), 1000).numpy()


def test_crosses_join_categories_buckets_and_flags(values, empty, unseen):
    cities = ["Rome", "Oslo", "Rome", "Rome", "Oslo"]
    ages, times, members = "01110", "01110", "10111"
    assert values["city_x_age_cross"].tolist() == list(map(_hashed, cities, ages))
    assert values["member_x_when_x_city_cross"].tolist() == list(
        map(_hashed, members, times, cities)
    )
    assert empty["city_x_age_cross"] == _hashed("", "2")
    assert empty["member_x_when_x_city_cross"] == _hashed("0", "2", "")
    assert unseen["city_x_age_cross"] == _hashed("Lima", "1")


def test_raw_id_label_and_weight_pass_through(values, empty):
    assert values["item_raw"].tolist() == [b"i1", b"i2", b"i3", b"i1", b"i1"]
    assert values["stars_label"].tolist() == [4.0] * 5
    assert values["worth_weight"].tolist() == [2.0] * 5
    # No label is no label of 0; the trainer leaves such rows out of the label's loss.
    assert np.isnan(empty["stars_label"])
    assert empty["worth_weight"] == 1


def test_counts_of_the_candidates_are_kept(dense):
    path = dense.output.vocabulary_file_by_name("item_counts")
    with open(path) as file:
        assert sorted(file.read().splitlines()) == ["1 i2", "1 i3", "3 i1"]

"""Calendar cycles against Python's calendar; gaps in training rows; integer and unused ids."""

import calendar
import datetime
import math
import random

import numpy as np
import pytest
import tensorflow as tf
from support import generated_modules

from tfx_retrieval.proto.feature_config_pb2 import Cyclical

_CYCLES = [name for name in Cyclical.Cycle.keys() if name != "unspecified"]  # noqa: SIM118
_EAN = 4_006_381_333_931  # Does not fit into 32 bits.
_CONFIG = {
    "query": {
        "id": "user",
        "features": [
            {"column": "when", "type": "temporal", "cyclical": {"cycles": _CYCLES}},
            {
                "column": "birth",
                "type": "temporal",
                "cyclical": {"cycles": ["month_of_year"]},
                "missing_value": "1990-07-01",
            },
            {"column": "age", "type": "numeric", "normalize": {}, "bucketize": {"buckets": 4}},
            {"column": "last", "type": "temporal", "normalize": {}, "bucketize": {"buckets": 2}},
            {"column": "none", "type": "numeric", "normalize": {"method": "min_max"}},
            {"column": "zip", "type": "categorical", "missing_value": 7},
        ],
    },
    "candidate": {"id": "ean", "features": [{"column": "size", "type": "boolean"}]},
    "interaction": {"timestamp": "when"},
}
_KINDS = {
    **dict.fromkeys(("when", "birth", "last", "zip", "ean", "size"), int),
    **{"user": str, "age": float, "none": float},
}
_KNOWN_DATES = (
    (1970, 1, 1),  # A Thursday.
    (1969, 12, 31, 23, 59, 59),
    (1900, 3, 1),  # No leap year.
    (1904, 2, 29, 12),
    (2000, 2, 29, 6, 30),  # A leap year.
    (2100, 2, 28, 23),
    (2100, 12, 31),
    (2020, 12, 31),  # ISO week 53.
    (2021, 1, 3, 18),  # Still week 53 of 2020.
    (2021, 1, 4),  # Monday of week 1.
    (2024, 12, 30),  # Week 1 of 2025.
    (2023, 1, 1),  # Week 52 of 2022.
    *((2023, month, day, 23, 59) for month, day in ((3, 31), (6, 30), (9, 30), (12, 31))),
    *((2024, month, 1) for month in (1, 4, 7, 10)),
    (1582, 10, 15),
    (9999, 12, 25, 12),
)
_UTC = datetime.timezone.utc


def _times():
    known = [datetime.datetime(*date, tzinfo=_UTC) for date in _KNOWN_DATES]
    source = random.Random(7)
    seconds = [source.randint(-5_000_000_000, 10_000_000_000) for _ in range(300)]
    epoch = datetime.datetime(1970, 1, 1, tzinfo=_UTC)
    return known + [epoch + datetime.timedelta(seconds=second) for second in seconds]


def _seconds(time):
    return (time - datetime.datetime(1970, 1, 1, tzinfo=_UTC)) // datetime.timedelta(seconds=1)


def _rows():
    rows = []
    for number, time in enumerate(_times()):
        row = {"user": "u", "when": _seconds(time), "ean": _EAN + number % 2, "size": 1, "zip": 7}
        if number % 4:
            row |= {"age": float(number % 4), "last": 1_000_000 * number, "birth": _seconds(time)}
        rows.append(row)
    return rows


@pytest.fixture(scope="module")
def transformed(tmp_path_factory):
    return generated_modules.transform(
        _CONFIG,
        generated_modules.schema(_KINDS, {"ean": [1], "zip": [1]}),
        tmp_path_factory.mktemp("calendar"),
        train=_rows(),
        # A dense integer column without a value: what a request's default is.
        eval=[{"user": "u", "ean": _EAN + 5, "zip": tf.int64.min}],
    )


@pytest.fixture(scope="module")
def values(transformed):
    return transformed.columns()


@pytest.fixture(scope="module")
def missing(transformed):
    return {name: column[0] for name, column in transformed.columns("eval").items()}


def _position(cycle, time):
    """Position in a cycle and its length, by Python's calendar."""
    month_days = calendar.monthrange(time.year, time.month)[1]
    quarter = (time.month - 1) // 3
    months = range(3 * quarter + 1, 3 * quarter + 4)
    quarter_start = datetime.date(time.year, months[0], 1)
    quarter_days = sum(calendar.monthrange(time.year, month)[1] for month in months)
    iso_year, iso_week, _ = time.isocalendar()
    return {
        "minute_of_hour": (time.minute, 60),
        "hour_of_day": (time.hour, 24),
        "day_of_week": (time.weekday(), 7),
        "day_of_month": (time.day - 1, month_days),
        "day_of_year": (time.timetuple().tm_yday - 1, 365 + calendar.isleap(time.year)),
        "week_of_year": (iso_week - 1, datetime.date(iso_year, 12, 28).isocalendar()[1]),
        "month_of_year": (time.month - 1, 12),
        "day_of_quarter": ((time.date() - quarter_start).days, quarter_days),
        "quarter_of_year": (quarter, 4),
    }[cycle]


@pytest.mark.parametrize("cycle", _CYCLES)
def test_cycles_follow_the_calendar(values, cycle):
    sines, cosines = values[f"when_{cycle}_sin"], values[f"when_{cycle}_cos"]
    for time, sine, cosine in zip(_times(), sines, cosines, strict=True):
        position, period = _position(cycle, time)
        angle = 2 * math.pi * position / period
        assert sine == pytest.approx(math.sin(angle), abs=2e-6), (time, position, period)
        assert cosine == pytest.approx(math.cos(angle), abs=2e-6), (time, position, period)


def test_monday_is_the_first_day_of_the_week(values):
    monday = _times().index(datetime.datetime(2021, 1, 4, tzinfo=_UTC))
    assert values["when_day_of_week_sin"][monday] == 0
    assert values["when_day_of_week_cos"][monday] == 1


@pytest.mark.parametrize("cycle", _CYCLES)
def test_missing_time_is_no_point_of_the_circle(missing, cycle):
    assert (missing[f"when_{cycle}_sin"], missing[f"when_{cycle}_cos"]) == (0, 0)


def test_missing_time_gets_its_value(values, missing):
    july = 2 * math.pi * 6 / 12
    assert missing["birth_month_of_year_cos"] == pytest.approx(math.cos(july), abs=1e-6)
    assert values["birth_month_of_year_cos"][0] == pytest.approx(math.cos(july), abs=1e-6)


def test_missing_numbers_do_not_shift_mean_and_quantiles(values, missing):
    known = np.array([number % 4 for number in range(len(_rows())) if number % 4], float)
    absent = np.array(["age" not in row for row in _rows()])
    np.testing.assert_allclose(
        values["age_norm"][~absent], (known - known.mean()) / known.std(), rtol=1e-4
    )
    assert not values["age_norm"][absent].any()
    assert set(values["age_bucket"][absent]) == {4}
    # The values 1, 2 and 3, each a third, over four buckets.
    buckets = {value: set(values["age_bucket"][~absent][known == value]) for value in (1, 2, 3)}
    assert all(len(found) == 1 for found in buckets.values())
    assert buckets[1] < buckets[2] or min(buckets[1]) < min(buckets[2]) <= min(buckets[3]) < 4
    assert (missing["age_norm"], missing["age_bucket"]) == (0, 4)


def test_missing_times_do_not_shift_mean_and_median(values):
    known = np.array([row["last"] for row in _rows() if "last" in row], float)
    absent = np.array(["last" not in row for row in _rows()])
    np.testing.assert_allclose(
        values["last_norm"][~absent], (known - known.mean()) / known.std(), atol=1e-4
    )
    assert set(values["last_bucket"][absent]) == {2}
    share = (values["last_bucket"][~absent] == 0).mean()
    assert share == pytest.approx(0.5, abs=0.02)


def test_column_without_any_value(values):
    assert set(values["none_norm"]) == {0.5}


def test_missing_integer_gets_its_value_in_a_dense_column_too(values, missing):
    assert set(values["zip"]) == {0}
    assert missing["zip"] == 0


def test_integer_id_that_is_no_feature_has_a_vocabulary_and_stays_whole(transformed, values):
    terms = transformed.vocabulary("ean")
    assert sorted(terms) == [str(_EAN), str(_EAN + 1)]
    assert [terms[index] for index in values["ean"]] == [str(row["ean"]) for row in _rows()]
    assert values["ean_raw"].tolist() == [_EAN + number % 2 for number in range(len(_rows()))]


def test_query_id_that_is_no_feature_is_left_out(values):
    assert not [name for name in values if name.startswith("user")]

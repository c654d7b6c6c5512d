"""Columns of every type, out of text and out of typed columns, and what is wrong with them."""

import datetime
import decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_retrieval.components.interaction_example_gen import columns, temporal
from tfx_retrieval.components.interaction_example_gen.columns import TEXT_TYPE, Kind
from tfx_retrieval.components.interaction_example_gen.table_spec import ColumnSpec

CATEGORY = ColumnSpec("c", "categorical")
NUMBER = ColumnSpec("c", "numeric")
TIME = ColumnSpec("c", "temporal")


def finished(column, *pieces):
    """Converts blocks and joins them; fails on bad values."""
    converted = [columns.convert(piece, column) for piece in pieces]
    assert [part.bad for part in converted] == [None] * len(pieces)
    kind = max(part.kind for part in converted)
    whole = columns.finish([part.array for part in converted], column, kind)
    # Joining some blocks first loses nothing.
    for size in (1, 2):
        groups = [converted[start : start + size] for start in range(0, len(converted), size)]
        joined = [
            columns.compact(
                columns.join([p.array for p in group], column, max(p.kind for p in group))
            )
            for group in groups
        ]
        again = columns.finish(joined, column, kind)
        assert again.type == whole.type
        assert again.to_pylist() == whole.to_pylist()
    return whole


def bad(column, values):
    return columns.convert(values if isinstance(values, pa.Array) else pa.array(values), column).bad


class TestCategorical:
    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            (["1", "20", None, "0", "-3"], [1, 20, None, 0, -3]),
            (["17850.0", "13047.0", None], [17850, 13047, None]),
            (["17850.0", "13047"], [17850, 13047]),
            (["00123", "4"], ["00123", "4"]),
            (["17850.0", "00123"], ["17850.0", "00123"]),
            (["85123A", "71053"], ["85123A", "71053"]),
            (["1.5", "2.0"], ["1.5", "2.0"]),
            (["+1", "2"], ["+1", "2"]),
            (["-0", "2"], ["-0", "2"]),
            (["123456789012345678", "1"], [123456789012345678, 1]),
            (["1234567890123456789", "1"], ["1234567890123456789", "1"]),
            ([" 1", "2"], [" 1", "2"]),
            (["NA", "", "null"], ["NA", None, "null"]),
        ],
    )
    def test_text_is_integers_only_if_nothing_is_lost(self, values, expected):
        array = finished(CATEGORY, pa.array(values))
        assert array.to_pylist() == expected
        assert array.type == (pa.int64() if isinstance(expected[0], int) else TEXT_TYPE)

    def test_the_type_is_that_of_all_blocks(self):
        blocks = [pa.array(["1", "2"]), pa.array(["17850.0"]), pa.array(["85123A", None])]
        assert finished(CATEGORY, *blocks).to_pylist() == ["1", "2", "17850.0", "85123A", None]
        assert finished(CATEGORY, *blocks[:2]).to_pylist() == [1, 2, 17850]
        assert finished(CATEGORY, *reversed(blocks)).to_pylist()[0] == "85123A"

    def test_a_block_without_values_decides_nothing(self):
        empty = pa.array(["", None], pa.string())
        assert finished(CATEGORY, empty, pa.array(["7"])).to_pylist() == [None, None, 7]
        assert finished(CATEGORY, empty).type == TEXT_TYPE
        assert columns.convert(empty, CATEGORY).kind == Kind.EMPTY

    @pytest.mark.parametrize(
        ("array", "expected"),
        [
            (pa.array([5, None], pa.int16()), [5, None]),
            (pa.array([17850.0, None, float("nan")]), [17850, None, None]),
            (pa.array([3.5, 4.0]), ["3.5", "4"]),
            (pa.array([1e15, 2.0]), [10**15, 2]),
            (pa.array([True, None]), ["true", None]),
            (pa.array([decimal.Decimal("12.00")]), [12]),
            (pa.array([2**64 - 1], pa.uint64()), [str(2**64 - 1)]),
            (pa.array([datetime.date(2011, 12, 9)]), ["2011-12-09"]),
            (pa.array(["a", "", "b"]).dictionary_encode(), ["a", None, "b"]),
            (pa.array(["a", "b"]).dictionary_encode().cast(pa.string()), ["a", "b"]),
            (pa.array([b"x"], pa.binary()), ["x"]),
        ],
    )
    def test_typed_columns(self, array, expected):
        assert finished(CATEGORY, array).to_pylist() == expected

    def test_blocks_of_different_types_join(self):
        blocks = [pa.array([1, 2]), pa.array(["3.0"]), pa.array([4.0])]
        assert finished(CATEGORY, *blocks).to_pylist() == [1, 2, 3, 4]
        assert finished(CATEGORY, *blocks, pa.array(["x"])).to_pylist() == [
            "1",
            "2",
            "3.0",
            "4",
            "x",
        ]

    def test_integer_ids_must_be_integers(self):
        column = ColumnSpec("c", "categorical", integer=True)
        found = bad(column, ["1", None, "x", "2.5"])
        assert (found.index, found.received, found.expected, found.count) == (
            2,
            "'x'",
            "an integer",
            2,
        )
        assert bad(column, ["1", "2.0"]) is None

    @pytest.mark.parametrize(
        ("separator", "values", "received"),
        [
            ("|", ["1|2", None, "3|x", "4|y"], "'3|x'"),
            (None, [["1", "2"], [], ["3", "x"], ["y"]], "'x'"),
        ],
    )
    def test_several_integer_ids_must_be_integers(self, separator, values, received):
        column = ColumnSpec("c", "categorical", multiple=True, separator=separator, integer=True)
        found = bad(column, values)
        assert (found.index, found.received, found.count) == (2, received, 2)
        assert bad(column, values[:2]) is None

    def test_filtered_blocks_may_hold_values_that_no_row_has(self):
        block = columns.convert(pa.array(["1", "2", "A"]), CATEGORY).array
        filtered = block.filter(pa.array([True, True, False]))
        # All blocks had integers but this one's third row, which a filter left out.
        joined = columns.finish([filtered], CATEGORY, Kind.INTEGER)
        assert joined.to_pylist() == [1, 2]

    def test_lists_are_refused_where_one_value_is_meant(self):
        found = bad(CATEGORY, [["a"]])
        assert found.index is None
        assert found.received == "a column of type list<item: string>"
        assert found.expected == "a categorical column with one value a row"


class TestSeveralValues:
    separated = ColumnSpec("c", "categorical", multiple=True, separator="|")
    listed = ColumnSpec("c", "categorical", multiple=True)

    def test_text_is_split_and_trimmed(self):
        array = finished(self.separated, pa.array(["Action|Comedy", None, " Drama ||", "", "|"]))
        assert array.to_pylist() == [["Action", "Comedy"], None, ["Drama"], None, []]
        assert array.type == pa.large_list(TEXT_TYPE)

    def test_integers_are_integers_if_all_values_are(self):
        blocks = [pa.array(["1|2"]), pa.array(["3"])]
        assert finished(self.separated, *blocks).to_pylist() == [[1, 2], [3]]
        assert finished(self.separated, *blocks, pa.array(["x"])).to_pylist()[0] == ["1", "2"]

    def test_any_separator_is_taken_literally(self):
        column = ColumnSpec("c", "categorical", multiple=True, separator="::.")
        assert finished(column, pa.array(["a::.b", "c::d"])).to_pylist() == [["a", "b"], ["c::d"]]

    @pytest.mark.parametrize("make", [pa.list_, pa.large_list])
    def test_lists_stay_lists(self, make):
        blocks = [
            pa.array([["a", "b"], [], None, ["c"]], make(pa.string())),
            pa.array([["d"], ["e", None]], make(pa.string())).slice(1),
        ]
        assert finished(self.listed, *blocks).to_pylist() == [
            ["a", "b"],
            [],
            None,
            ["c"],
            ["e", None],
        ]

    def test_lists_of_integers_and_of_fixed_size(self):
        assert finished(self.listed, pa.array([[1, 2], [3]])).to_pylist() == [[1, 2], [3]]
        fixed = pa.array([["a", "b"], ["c", "d"]], pa.list_(pa.string(), 2))
        assert finished(self.listed, fixed).to_pylist() == [["a", "b"], ["c", "d"]]

    def test_text_without_separator_is_refused(self):
        found = bad(self.listed, ["a,b"])
        assert found.expected == "a list column, since the config names no separator"

    @given(st.lists(st.none() | st.lists(st.sampled_from(["a", "b", "1"])), min_size=1))
    def test_lists_come_out_as_they_went_in(self, lists):
        array = pa.array(lists, pa.list_(pa.string()))
        joined = columns.finish(
            [columns.convert(array, self.listed).array], self.listed, Kind.OTHER
        )
        assert joined.to_pylist() == lists
        plain = columns.without_dictionary(joined)
        assert (plain.to_pylist(), plain.type.value_type) == (lists, pa.large_string())


class TestNumeric:
    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            (["1", None, "-2"], [1, None, -2]),
            (["1", "2.5"], [1.0, 2.5]),
            (["3.0"], [3.0]),
            ([" 1.5 ", "nan", "NA", "", "-", "N/A", "+2", "1e3", ".5", "5."], None),
        ],
    )
    def test_text(self, values, expected):
        array = finished(NUMBER, pa.array(values))
        if expected is None:
            assert array.to_pylist() == [1.5, *[None] * 5, 2.0, 1000.0, 0.5, 5.0]
        else:
            assert array.to_pylist() == expected
            assert array.type == (pa.int64() if isinstance(expected[0], int) else pa.float64())

    def test_whole_numbers_join_fractions(self):
        assert finished(NUMBER, pa.array(["1"]), pa.array(["2.5"])).to_pylist() == [1.0, 2.5]

    @pytest.mark.parametrize(
        ("array", "expected"),
        [
            (pa.array([1, None], pa.int8()), [1, None]),
            (pa.array([1.5, float("nan")], pa.float32()), [1.5, None]),
            (pa.array([decimal.Decimal("1.25")]), [1.25]),
            (pa.array([True, False]), [1, 0]),
            (pa.array([2**63], pa.uint64()), [float(2**63)]),
            (pa.array([None, None]), [None, None]),
        ],
    )
    def test_typed_columns(self, array, expected):
        assert finished(NUMBER, array).to_pylist() == expected

    @pytest.mark.parametrize(
        ("values", "index", "received", "count", "remedy"),
        [
            (["1", "abc", None, "x"], 1, "'abc'", 2, ""),
            (["1.5", "1,234.5"], 1, "'1,234.5'", 1, "no separator between thousands"),
            (["1", "inf"], 1, "'inf'", 1, ""),
            (["0x10"], 0, "'0x10'", 1, ""),
            (["x" * 100], 0, "'" + "x" * 56 + "...", 1, ""),
        ],
    )
    def test_what_is_no_number(self, values, index, received, count, remedy):
        found = bad(NUMBER, values)
        assert (found.index, found.received, found.count) == (index, received, count)
        assert remedy in found.remedy
        assert "number" in found.expected

    def test_other_types(self):
        assert bad(NUMBER, pa.array([float("inf")])).expected == "a finite number"
        assert bad(NUMBER, [datetime.date(2011, 1, 1)]).received == "a column of type date32[day]"


class TestTemporal:
    noon = 1_323_435_000  # 2011-12-09 12:50:00 UTC

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2011-12-09 12:50:00", noon),
            ("2011-12-09T12:50:00", noon),
            ("2011-12-09 12:50", noon),
            ("2011-12-09T12:50:00Z", noon),
            ("2011-12-09 12:50:00 UTC", noon),
            ("2011-12-09T13:50:00+01:00", noon),
            ("2011-12-09T13:50:00+0100", noon),
            ("2011-12-09 13:50:00 +01", noon),
            ("2011-12-09T12:50:00.987654321Z", noon),
            ("2011-12-09 12:50:00,5", noon),
            (" 2011-12-09 12:50:00 ", noon),
            ("2011-12-09", noon - 46_200),
            ("1969-12-31 23:59:59.5", -1),
            (str(noon), noon),
            (f"{noon}.0", noon),
            ("", None),
            ("NaT", None),
        ],
    )
    def test_text(self, text, expected):
        assert finished(TIME, pa.array([text])).to_pylist() == [expected]
        # Beside another form, too: then each value is read by itself.
        both = finished(TIME, pa.array(["2000-01-01 00:00:00+00", text, "2000-01-01"]))
        assert both.to_pylist() == [946_684_800, expected, 946_684_800]

    @pytest.mark.parametrize(
        ("array", "expected"),
        [
            (pa.array([1_500, -1_500], pa.timestamp("ms")), [1, -2]),
            (pa.array([1_500_000_000], pa.timestamp("ns", "Europe/Paris")), [1]),
            (pa.array([datetime.date(1970, 1, 2)]), [86_400]),
            (pa.array([86_400_000], pa.date64()), [86_400]),
            (pa.array([7, None]), [7, None]),
            (pa.array([7.9, -0.5, float("nan")]), [7, -1, None]),
            (pa.array(["2011-12-09"]).dictionary_encode(), [noon - 46_200]),
        ],
    )
    def test_typed_columns(self, array, expected):
        assert finished(TIME, array).to_pylist() == expected

    @pytest.mark.parametrize(
        ("unit", "value", "expected"),
        [
            ("milliseconds", -1, -1),
            ("milliseconds", 1_323_435_000_999, noon),
            ("microseconds", 1_323_435_000_999_999, noon),
            ("nanoseconds", 1_323_435_000_999_999_999, noon),
            ("days", 2, 172_800),
        ],
    )
    def test_units(self, unit, value, expected):
        column = ColumnSpec("c", "temporal", time_unit=unit)
        for array in (pa.array([value]), pa.array([str(value)])):
            assert finished(column, array).to_pylist() == [expected]

    @pytest.mark.parametrize(
        "text", ["12/1/2010 8:26", "2011-02-30", "yesterday", "2011-13-01", "2011-12-09 25:00:00"]
    )
    def test_what_is_no_time(self, text):
        found = bad(TIME, ["2011-12-09", None, text])
        assert (found.index, found.received, found.count) == (2, repr(text), 1)
        assert "ISO 8601" in found.remedy

    def test_a_wrong_unit_is_noticed(self):
        found = bad(TIME, pa.array([1_323_435_000_000]))
        assert found.received == "1323435000000"
        assert "time_unit" in found.remedy
        assert bad(ColumnSpec("c", "temporal", time_unit="days"), pa.array([self.noon])) is not None
        assert bad(TIME, ["1e30", "99999999999999999999999"]) is not None

    def test_dates_in_digits_are_noticed(self):
        found = bad(TIME, [None, "20101201", "20101231"])
        assert (found.index, found.count) == (1, 2)
        assert "YYYY-MM-DD" in found.remedy
        assert bad(TIME, ["20101201", "1323435000"]) is None

    def test_other_types(self):
        assert bad(TIME, [True]).received == "a column of type bool"

    @given(
        st.lists(
            st.datetimes(datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31)), min_size=1
        )
    )
    def test_any_time_is_read_as_python_writes_it(self, times):
        epoch = datetime.datetime(1970, 1, 1)
        expected = [(time - epoch) // datetime.timedelta(seconds=1) for time in times]
        text = pa.array([time.isoformat() for time in times])
        seconds, found = temporal.to_seconds(text, "seconds")
        assert found is None
        assert seconds.to_pylist() == expected


class TestOther:
    def test_booleans(self):
        column = ColumnSpec("c", "boolean")
        text = pa.array(["true", "False", "1", "0", "yes", "N", None, "NA"])
        assert finished(column, text).to_pylist() == [1, 0, 1, 0, 1, 0, None, None]
        assert finished(column, pa.array([True, None, False])).to_pylist() == [1, None, 0]
        assert finished(column, pa.array([1.0, 0.0])).to_pylist() == [1, 0]
        assert bad(column, ["true", "maybe"]).received == "'maybe'"
        assert bad(column, pa.array([0, 2])).received == "2"

    def test_text(self):
        column = ColumnSpec("c", "text")
        assert finished(column, pa.array(["1", "NA", "", None])).to_pylist() == [
            "1",
            "NA",
            None,
            None,
        ]
        assert finished(column, pa.array([1, 2])).to_pylist() == ["1", "2"]

    def test_vectors(self):
        column = ColumnSpec("c", "vector", dimension=2)
        expected = [[0.5, 2.0], None, [3.0, -4.0]]
        text = pa.array(["[0.5, 2]", "", "3 -4"])
        lists = pa.array(expected, pa.list_(pa.float64()))
        for array in (text, lists, lists.cast(pa.large_list(pa.float32()))):
            assert finished(column, array).to_pylist() == expected
        assert finished(column, lists).type == pa.large_list(pa.float32())
        fixed = pa.array([[9.0, 9.0], *expected], pa.list_(pa.float64(), 2)).slice(1)
        assert finished(column, fixed).to_pylist() == expected

    @pytest.mark.parametrize(
        ("values", "index", "received", "expected"),
        [
            ([[1.0, 2.0], [1.0]], 1, "a vector of length 1", "length 2"),
            ([[1.0, 2.0], [1.0, None]], 1, "[1.0, None]", "numbers only"),
            (["1 2", "1 x"], 1, "'1 x'", "numbers only"),
            ([7], None, "a column of type int64", "a vector column"),
            ([[datetime.date(2011, 1, 1)]], None, "a column of type list<item: date32[day]>", "a"),
        ],
    )
    def test_bad_vectors(self, values, index, received, expected):
        found = bad(ColumnSpec("c", "vector", dimension=2), values)
        assert (found.index, found.received) == (index, received)
        assert expected in found.expected

    def test_a_column_that_is_only_asked_for_presence(self):
        column = ColumnSpec("c", "any")
        array = columns.convert(pa.array(["x", "", None]), column).array
        assert np.array(array.is_valid()).tolist() == [True, False, False]
        assert columns.convert(pa.array([[1], None]), column).array.null_count == 1

"""Modules that ConfigCodegen writes run in process, all kinds of features included."""

import math

from support.config_examples import full_feature_config
from support.example_files import example

from tfx_retrieval.components.config_codegen import generate_transform_module

_SCHEMA = "".join(
    f'feature {{ name: "{name}" type: {kind} {presence} }}\n'
    for kind, presence, names in (
        ("BYTES", "presence { min_fraction: 1 } shape {}", ("user", "item", "title")),
        ("INT", "presence { min_fraction: 1 } shape { dim { size: 1 } }", ("happened", "shelf")),
        ("BYTES", "", ("city", "made in", "code", "tags", "earlier")),
        ("INT", "", ("age", "member")),
        ("FLOAT", "", ("price", "amount", "rating", "picture")),
    )
    for name in names
)


def _row(row: int) -> bytes:
    is_present = row % 5 != 0
    return example(
        user=f"user {row % 7}",
        item=f"item {row % 11}",
        title="Ünïcode lamp, two words",
        happened=1_700_000_000 + 86_400 * row,
        shelf=row % 12,
        city="nowhere" if is_present else None,
        code="c" if is_present else None,
        tags="a|b|c|d" if is_present else None,
        earlier=[f"item {row % 3}"] * 7 if is_present else None,
        age=row if is_present else None,
        member=row % 2 if is_present else None,
        price=float(row) if is_present else None,
        amount=1.0,
        rating=4.0,
        picture=[1.0, 2.0, 3.0, 4.0] if is_present else None,
        **({"made in": "here"} if is_present else {}),
    )


def test_generated_module_runs_in_process(make_runner):
    runner = make_runner(
        _SCHEMA, train=[_row(row) for row in range(40)], eval=[_row(row) for row in range(40, 60)]
    )
    run = runner.run(generate_transform_module(full_feature_config()), "auto")
    assert run.graph.get_string_custom_property("engine") == "in_process"
    train, other = run.rows("train"), run.rows("eval")
    assert len(train["item_raw"]) == 40
    assert len(other["item_raw"]) == 20
    assert all(len(values) == 5 for values in train["earlier"])
    assert all(
        math.isfinite(value)
        for name in ("age_norm", "price_norm", "happened_norm", "happened_hour_of_day_sin")
        for value in train[name] + other[name]
    )

"""What a person writes by hand for stock Transform and Trainer on the MovieLens table."""

import math

import speed_sets
import stock_two_tower
import tensorflow as tf
import tensorflow_transform as tft

VOCABULARY_FEATURES = ("user_id", "movie_id", "gender", "genres")


def preprocessing_fn(inputs):
    """The same features as the benchmark's FeatureConfig."""
    outputs = {}
    for name in VOCABULARY_FEATURES:
        outputs[name] = tft.compute_and_apply_vocabulary(
            inputs[name], num_oov_buckets=1, vocab_filename=name
        )
    outputs["age_norm"] = tft.scale_to_z_score(tf.cast(inputs["age"], tf.float32))
    outputs["occupation_bucket"] = tft.bucketize(inputs["occupation"], 10)
    outputs["year_norm"] = tft.scale_to_z_score(tf.cast(inputs["year"], tf.float32))
    hour = tf.cast(inputs["timestamp"] // 3600 % 24, tf.float32)
    outputs["hour_sin"] = tf.sin(2 * math.pi * hour / 24)
    outputs["hour_cos"] = tf.cos(2 * math.pi * hour / 24)
    age = tf.strings.as_string(tft.bucketize(inputs["age"], 10))
    cross = tf.strings.join([inputs["gender"], age], "_x_")
    outputs["gender_x_age_cross"] = tft.hash_strings(cross, 1000)
    return outputs


def run_fn(fn_args):
    """Trains, indexes and exports."""
    stock_two_tower.train(fn_args, speed_sets.MOVIELENS)

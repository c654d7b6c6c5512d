"""What a person writes by hand for stock Transform and Trainer on Online Retail."""

import math

import speed_sets
import stock_two_tower
import tensorflow as tf
import tensorflow_transform as tft

VOCABULARY_FEATURES = ("CustomerID", "Country", "StockCode")
# Days of a common year before each month.
DAYS_BEFORE_MONTH = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)


def preprocessing_fn(inputs):
    """The same features as the demo's FeatureConfig."""
    outputs = {}
    for name in VOCABULARY_FEATURES:
        outputs[name] = tft.compute_and_apply_vocabulary(
            inputs[name], num_oov_buckets=1, vocab_filename=name
        )
    outputs.update(time_features(inputs["InvoiceDate"]))
    outputs["Description_tokens"] = token_indices(inputs["Description"])
    outputs["UnitPrice_norm"] = tft.scale_to_z_score(tf.math.log1p(inputs["UnitPrice"]))
    outputs["UnitPrice_bucket"] = tft.bucketize(inputs["UnitPrice"], 20)
    return outputs


def time_features(text):
    """Returns a time as a number and its places in the year, the week and the day.

    Args:
        text: Times such as 2010-12-01 08:26:00.
    """

    def number(start, length):
        return tf.strings.to_number(tf.strings.substr(text, start, length), tf.int64)

    year, month, day, hour = number(0, 4), number(5, 2), number(8, 2), number(11, 2)
    leap = tf.cast((year % 4 == 0) & (month > 2), tf.int64)
    day_of_year = tf.gather(tf.constant(DAYS_BEFORE_MONTH, tf.int64), month - 1) + day - 1 + leap
    days = (year - 1970) * 365 + (year - 1969) // 4 + day_of_year
    seconds = days * 86400 + hour * 3600 + number(14, 2) * 60
    # In float32, a time of this century would be minutes off.
    scaled = tft.scale_to_z_score(tf.cast(seconds, tf.float64))
    outputs = {"InvoiceDate_norm": tf.cast(scaled, tf.float32)}
    places = {
        "day_of_year": (day_of_year, 365),
        "day_of_week": ((days + 3) % 7, 7),
        "hour_of_day": (hour, 24),
    }
    for name, (place, period) in places.items():
        angle = 2 * math.pi * tf.cast(place, tf.float32) / period
        outputs[f"{name}_sin"] = tf.sin(angle)
        outputs[f"{name}_cos"] = tf.cos(angle)
    return outputs


def token_indices(text):
    """Returns the indices of each text's first words, `[batch, words]`; -1 where it has fewer."""
    text = tf.strings.lower(tf.reshape(text, [-1]), "utf-8")
    words = tf.strings.split(tf.strings.regex_replace(text, r"[^\pL\pM\pN]+", " "))
    words = words.to_tensor("", shape=[None, speed_sets.MAX_TOKENS])
    indices = tft.compute_and_apply_vocabulary(
        words, top_k=20_000, num_oov_buckets=1, vocab_filename="Description_tokens"
    )
    return tf.where(words == "", tf.constant(-1, tf.int64), indices)


def run_fn(fn_args):
    """Trains, indexes and exports."""
    stock_two_tower.train(fn_args, speed_sets.RETAIL)

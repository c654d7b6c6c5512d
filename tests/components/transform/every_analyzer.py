"""A preprocessing_fn with every analyzer that the in-process engine is proven for.

The tests carry this file as a module artifact and run it with both engines.
"""

import tensorflow as tf
import tensorflow_transform as tft


def preprocessing_fn(inputs):
    """Transforms the columns of `support.example_files.interaction_rows`."""
    outputs = {"row": inputs["row"], "name_raw": inputs["name"]}
    outputs.update(_vocabularies(inputs))
    outputs.update(_texts_and_lists(inputs))
    outputs.update(_numbers(inputs))
    outputs.update(_phases(inputs))
    return outputs


def _dense(x, default):
    shape = [x.dense_shape[0], 1]
    sparse = tf.SparseTensor(x.indices, x.values, shape)
    return tf.reshape(tf.sparse.to_dense(sparse, default), [-1])


def _vocabularies(inputs):
    name, kind = inputs["name"], _dense(inputs["kind"], "")
    count = tf.reshape(inputs["count"], [-1])
    shared = tft.vocabulary(tf.concat([name, kind], 0), vocab_filename="shared")
    # Counts that no output depends on must be written all the same.
    tft.vocabulary(name, store_frequency=True, vocab_filename="name_counts")
    tft.vocabulary(count, store_frequency=True, vocab_filename="count_counts")
    apply = tft.compute_and_apply_vocabulary
    return {
        "name": apply(name, num_oov_buckets=2, vocab_filename="name"),
        "name_top": apply(name, top_k=5, num_oov_buckets=1, vocab_filename="name_top"),
        "name_often": apply(name, frequency_threshold=9, default_value=7, vocab_filename="often"),
        "name_never": apply(name, frequency_threshold=10**6, vocab_filename="never"),
        "name_shared": tft.apply_vocabulary(name, shared, num_oov_buckets=1),
        "kind_shared": tft.apply_vocabulary(kind, shared, num_oov_buckets=1),
        "kind_sparse": apply(inputs["kind"], num_oov_buckets=1, vocab_filename="kind"),
        "count": apply(count, num_oov_buckets=1, vocab_filename="count"),
        "count_top": apply(count, top_k=3, num_oov_buckets=1, vocab_filename="count top!"),
        "unnamed": apply(kind),
        "name_hash": tft.hash_strings(name, 50),
        "cross": tft.hash_strings(tf.strings.join([name, kind], "_x_"), 1000),
    }


def _texts_and_lists(inputs):
    words = tf.strings.split(tf.strings.lower(_dense(inputs["text"], ""), "utf-8"))
    grams = tf.strings.ngrams(words, [1, 2], separator=" ").to_tensor("", shape=[None, 4])
    apply = tft.compute_and_apply_vocabulary
    return {
        "text_tokens": apply(grams, top_k=30, num_oov_buckets=1, vocab_filename="tokens"),
        "text_words": words,
        "tags": apply(inputs["tags"], num_oov_buckets=1, vocab_filename="tags"),
    }


def _numbers(inputs):
    price = _dense(inputs["price"], float("nan"))
    time = tf.cast(tf.reshape(inputs["time"], [-1]), tf.float64)
    ones = tf.ones_like(price)
    present = inputs["price"]
    missing = tf.math.is_nan(price)
    low = tft.min(tf.where(missing, price.dtype.max, price))
    high = tft.max(tf.where(missing, price.dtype.min, price))
    boundaries = tft.quantiles(present.values, num_buckets=7, epsilon=0.01)
    return {
        "price_z": tft.scale_to_z_score(price),
        "price_bucket": tft.bucketize(price, 4),
        "price_seventh": tft.apply_buckets(price, boundaries),
        "price_mean": tft.mean(present) * ones,
        "price_var": tft.var(present) * ones,
        "price_0_1": (price - low) / (high - low),
        "price_sum": tft.sum(present) * ones,
        "price_min": tft.min(present) * ones,
        "price_max": tft.max(present) * ones,
        "rows": tf.cast(tft.size(price), tf.float32) * ones,
        "time_z": tf.cast(tft.scale_to_z_score(time), tf.float32),
        "time_bucket": tft.bucketize(time, 3),
        "count_0_1": tft.scale_to_0_1(inputs["count"]),
        "count_range": tft.scale_by_min_max(inputs["count"], -1.0, 1.0),
        "count_max": tft.max(inputs["count"]) * tf.ones_like(inputs["count"]),
        "vector": tft.scale_to_z_score(inputs["vector"], elementwise=True),
        "vector_mean": inputs["vector"] - tft.mean(inputs["vector"], reduce_instance_dims=False),
    }


def _phases(inputs):
    """Analyzers that need the results of others."""
    price = _dense(inputs["price"], float("nan"))
    filled = tf.where(tf.math.is_nan(price), tft.mean(inputs["price"]), price)
    bucket = tft.bucketize(tft.scale_to_z_score(filled), 5)
    return {
        "filled_bucket": bucket,
        "bucket_index": tft.compute_and_apply_vocabulary(bucket, vocab_filename="buckets"),
    }

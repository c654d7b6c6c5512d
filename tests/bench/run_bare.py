"""(c) The same work in a bare script: no pipeline, no artifacts, nothing kept. The floor."""

import json
import math
import sys
import time

import numpy as np
import pyarrow.csv
import tensorflow as tf

BATCH_SIZE = 1024
EPOCHS = 3
TIMINGS = {}


def indexed(column):
    """Returns vocabulary indices and the number of values."""
    encoded = column.combine_chunks().dictionary_encode()
    return encoded.indices.to_numpy().astype("int32"), len(encoded.dictionary) + 1


def scaled(column):
    """Returns z-scores."""
    values = column.to_numpy().astype("float32")
    return (values - values.mean()) / values.std()


def buckets(column, count):
    """Returns quantile buckets."""
    values = column.to_numpy()
    edges = np.quantile(values, np.linspace(0, 1, count + 1)[1:-1])
    return np.digitize(values, edges).astype("int32")


def tower(sizes, dims, numbers):
    """Returns a Keras model over a dictionary of features."""
    inputs = {name: tf.keras.Input([], name=name, dtype="int32") for name in sizes}
    inputs |= {name: tf.keras.Input([], name=name) for name in numbers}
    columns = [
        tf.keras.layers.Embedding(size, dim)(inputs[name])
        for (name, size), dim in zip(sizes.items(), dims, strict=True)
    ]
    columns += [tf.reshape(inputs[name], [-1, 1]) for name in numbers]
    x = tf.keras.layers.Dense(64, activation="relu")(tf.concat(columns, axis=1))
    return tf.keras.Model(inputs, tf.keras.layers.Dense(32)(x))


def main(path, output):
    """Reads, transforms, trains and indexes."""
    start = time.perf_counter()
    table = pyarrow.csv.read_csv(path)
    features, sizes = {}, {}
    for name in ("user_id", "movie_id", "gender", "genres"):
        features[name], sizes[name] = indexed(table[name])
    features["age_norm"], features["year_norm"] = scaled(table["age"]), scaled(table["year"])
    features["occupation_bucket"] = buckets(table["occupation"], 10)
    hour = table["timestamp"].to_numpy() // 3600 % 24 * (2 * math.pi / 24)
    features["hour_sin"] = np.sin(hour).astype("float32")
    features["hour_cos"] = np.cos(hour).astype("float32")
    cross = features["gender"] * 100 + buckets(table["age"], 10)
    features["cross"] = (cross % 1000).astype("int32")
    order = np.random.default_rng(0).permutation(len(table))[: len(table) * 2 // 3]
    train = {name: values[order] for name, values in features.items()}
    TIMINGS["data"] = time.perf_counter() - start

    start = time.perf_counter()
    query_sizes = {name: sizes[name] for name in ("user_id", "gender")}
    query_sizes |= {"occupation_bucket": 11, "cross": 1000}
    query = tower(query_sizes, (32, 4, 4, 4), ("age_norm", "hour_sin", "hour_cos"))
    candidate = tower(
        {name: sizes[name] for name in ("movie_id", "genres")}, (32, 8), ("year_norm",)
    )

    class TwoTower(tf.keras.Model):
        def train_step(self, batch):
            with tf.GradientTape() as tape:
                scores = tf.matmul(
                    query({name: batch[name] for name in query.input}),
                    candidate({name: batch[name] for name in candidate.input}),
                    transpose_b=True,
                )
                labels = tf.range(tf.shape(scores)[0])
                loss = tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, scores))
            weights = query.trainable_variables + candidate.trainable_variables
            self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
            return {"loss": loss}

    model = TwoTower()
    model.compile(tf.keras.optimizers.Adagrad(0.1))
    rows = len(order) // BATCH_SIZE * BATCH_SIZE
    for epoch in range(EPOCHS):
        shuffled = np.random.default_rng(epoch).permutation(len(order))[:rows]
        batches = {name: values[shuffled].reshape(-1, BATCH_SIZE) for name, values in train.items()}
        model.fit(tf.data.Dataset.from_tensor_slices(batches).prefetch(4), verbose=0)
    TIMINGS["training"] = time.perf_counter() - start

    start = time.perf_counter()
    _, first = np.unique(features["movie_id"], return_index=True)
    catalogue = {name: features[name][first] for name in candidate.input}
    np.savez(output, ids=first, embeddings=candidate(catalogue).numpy())
    TIMINGS["index"] = time.perf_counter() - start
    steps = {name: {"wall": seconds} for name, seconds in TIMINGS.items()}
    print("MEASURED", json.dumps({"steps": steps}))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""(c) The same work in a bare script: no pipeline, no artifacts, nothing kept. The floor."""

import json
import sys
import time

import bare_features
import numpy as np
import tensorflow as tf

BATCH_SIZE = 1024
EPOCHS = 3
TIMINGS = {}


def tower(sizes, dims, numbers):
    """Returns a Keras model over a dictionary of features."""
    inputs = {name: tf.keras.Input([], name=name, dtype="int32") for name in dims}
    inputs |= {name: tf.keras.Input([], name=name) for name in numbers}
    columns = [
        tf.keras.layers.Embedding(sizes[name], dim)(inputs[name]) for name, dim in dims.items()
    ]
    columns += [tf.reshape(inputs[name], [-1, 1]) for name in numbers]
    x = tf.keras.layers.Dense(64, activation="relu")(tf.concat(columns, axis=1))
    return tf.keras.Model(inputs, tf.keras.layers.Dense(32)(x))


def main(path, output):
    """Reads, transforms, trains and indexes."""
    start = time.perf_counter()
    features, sizes, train = bare_features.read(path)
    TIMINGS["data"] = time.perf_counter() - start

    start = time.perf_counter()
    query = tower(sizes, bare_features.QUERY_DIMS, bare_features.QUERY_NUMBERS)
    candidate = tower(sizes, bare_features.CANDIDATE_DIMS, bare_features.CANDIDATE_NUMBERS)

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
    epochs = []
    for epoch in range(EPOCHS):
        begin = time.perf_counter()
        batches = bare_features.batches(features, train, BATCH_SIZE, epoch)
        model.fit(tf.data.Dataset.from_tensor_slices(batches).prefetch(4), verbose=0)
        epochs.append(time.perf_counter() - begin)
    TIMINGS["training"] = time.perf_counter() - start

    start = time.perf_counter()
    _, first = np.unique(features["movie_id"], return_index=True)
    catalogue = {name: features[name][first] for name in candidate.input}
    np.savez(output, ids=first, embeddings=candidate(catalogue).numpy())
    TIMINGS["index"] = time.perf_counter() - start
    steps = {name: {"wall": seconds} for name, seconds in TIMINGS.items()}
    print("MEASURED", json.dumps({"steps": steps, "epochs": epochs}))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""(c) The same work in a bare script: no pipeline, no artifacts, nothing kept. The floor."""

import sys
import time

import bare_features
import numpy as np
import tensorflow as tf
from meter import StepMeter
from speed_sets import BATCH_SIZE, EPOCHS, MAX_TOKENS, SETS


def tower(shape, sizes):
    """Returns a Keras model over a dictionary of features."""
    inputs = {
        name: tf.keras.Input([MAX_TOKENS] if name in shape.averaged else [], name=name, dtype=dtype)
        for names, dtype in ((shape.tables, "int32"), (shape.numbers, "float32"))
        for name in names
    }

    def embed(name):
        table = tf.keras.layers.Embedding(sizes[name], shape.tables[name])
        if name not in shape.averaged:
            return table(inputs[name])
        mask = tf.cast(inputs[name] >= 0, tf.float32)[:, :, None]
        vectors = table(tf.maximum(inputs[name], 0)) * mask
        return tf.math.divide_no_nan(tf.reduce_sum(vectors, axis=1), tf.reduce_sum(mask, axis=1))

    columns = [embed(name) for name in shape.read_by_layers]
    columns += [tf.reshape(inputs[name], [-1, 1]) for name in shape.numbers]
    x = tf.concat(columns, axis=1)
    for units in shape.hidden:
        x = tf.keras.layers.Dense(units, activation="relu")(x)
    x = tf.keras.layers.Dense(shape.output)(x)
    return tf.keras.Model(inputs, x + embed(shape.id) if shape.id_past_layers else x)


class TwoTower(tf.keras.Model):
    """Softmax over the batch."""

    def __init__(self, query, candidate):
        super().__init__()
        self.query, self.candidate = query, candidate

    def train_step(self, batch):
        with tf.GradientTape() as tape:
            scores = tf.matmul(
                self.query({name: batch[name] for name in self.query.input}),
                self.candidate({name: batch[name] for name in self.candidate.input}),
                transpose_b=True,
            )
            labels = tf.range(tf.shape(scores)[0])
            loss = tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, scores))
        weights = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return {"loss": loss}


def main(name, path, output):
    """Reads, transforms, trains and indexes."""
    speed_set = SETS[name]
    meter = StepMeter()
    with meter.step("data"):
        features, sizes, train = bare_features.read(name, path)
    epochs = []
    with meter.step("training"):
        query, candidate = tower(speed_set.query, sizes), tower(speed_set.candidate, sizes)
        model = TwoTower(query, candidate)
        model.compile(tf.keras.optimizers.Adagrad(0.1))
        for epoch in range(EPOCHS):
            begin = time.perf_counter()
            batches = bare_features.batches(features, train, BATCH_SIZE, epoch)
            model.fit(tf.data.Dataset.from_tensor_slices(batches).prefetch(4), verbose=0)
            epochs.append(time.perf_counter() - begin)
    with meter.step("index"):
        _, first = np.unique(features[speed_set.candidate.id], return_index=True)
        catalogue = {name: features[name][first] for name in candidate.input}
        np.savez(output, ids=first, embeddings=candidate(catalogue).numpy())
    meter.report(epochs=epochs)


if __name__ == "__main__":
    main(*sys.argv[1:])

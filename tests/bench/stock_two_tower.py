"""What a person writes by hand for stock Trainer: the plain two-tower model of TFRS's tutorials."""

import json
import time

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs
import tensorflow_transform as tft
from speed_sets import BATCH_SIZE, EPOCHS


class Tower(tf.keras.Model):
    """Embeddings and numbers, and the layers over them."""

    def __init__(self, shape, rows):
        super().__init__()
        self.shape = shape
        self.tables = {
            name: tf.keras.layers.Embedding(rows(name), dim) for name, dim in shape.tables.items()
        }
        hidden = [tf.keras.layers.Dense(units, activation="relu") for units in shape.hidden]
        self.layers_ = tf.keras.Sequential([*hidden, tf.keras.layers.Dense(shape.output)])

    def call(self, features):
        columns = [self.embed(name, features[name]) for name in self.shape.read_by_layers]
        columns += [tf.reshape(features[name], [-1, 1]) for name in self.shape.numbers]
        x = self.layers_(tf.concat(columns, axis=1))
        if self.shape.id_past_layers:
            x += self.embed(self.shape.id, features[self.shape.id])
        return x

    def embed(self, name, indices):
        if name not in self.shape.averaged:
            return self.tables[name](tf.reshape(indices, [-1]))
        mask = tf.cast(indices >= 0, tf.float32)[:, :, None]
        vectors = self.tables[name](tf.maximum(indices, 0)) * mask
        return tf.math.divide_no_nan(tf.reduce_sum(vectors, axis=1), tf.reduce_sum(mask, axis=1))


class TwoTower(tfrs.Model):
    """The model of the TFRS tutorials, without metrics in training."""

    def __init__(self, speed_set, transform_output):
        super().__init__()

        def rows(name):
            if name in speed_set.sizes:
                return speed_set.sizes[name]
            return transform_output.vocabulary_size_by_name(name) + 1

        self.query_tower = Tower(speed_set.query, rows)
        self.candidate_tower = Tower(speed_set.candidate, rows)
        self.task = tfrs.tasks.Retrieval()

    def compute_loss(self, features, training=False):
        return self.task(self.query_tower(features), self.candidate_tower(features))


def train(fn_args, speed_set):
    """Trains, indexes and exports."""
    transform_output = tft.TFTransformOutput(fn_args.transform_graph_path)
    spec = transform_output.transformed_feature_spec()
    candidate_id = speed_set.candidate.id

    def dataset(pattern):
        records = tf.data.TFRecordDataset(tf.io.gfile.glob(pattern), compression_type="GZIP")
        batches = records.shuffle(100_000).batch(BATCH_SIZE)
        parsed = batches.map(
            lambda batch: tf.io.parse_example(batch, spec), num_parallel_calls=tf.data.AUTOTUNE
        )
        return parsed.prefetch(tf.data.AUTOTUNE)

    model = TwoTower(speed_set, transform_output)
    model.compile(tf.keras.optimizers.Adagrad(0.1))
    rows = dataset(fn_args.train_files)
    seconds = []
    for _ in range(EPOCHS):
        start = time.perf_counter()
        model.fit(rows, epochs=1, verbose=0)
        seconds.append(time.perf_counter() - start)

    seen = {}
    for batch in dataset(fn_args.train_files):
        embeddings = model.candidate_tower(batch).numpy()
        for key, embedding in zip(batch[candidate_id].numpy().ravel(), embeddings, strict=True):
            seen.setdefault(int(key), embedding)
    index = tfrs.layers.factorized_top_k.BruteForce(k=100)
    index.index(tf.constant(list(seen.values())), tf.constant(list(seen)))

    class Served(tf.Module):
        def __init__(self):
            super().__init__()
            self.index, self.tower = index, model.query_tower
            self.transform = transform_output.transform_features_layer()

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def serve(self, examples):
            raw = transform_output.raw_feature_spec()
            parsed = tf.io.parse_example(
                examples, {name: raw[name] for name in speed_set.query_columns}
            )
            embeddings = self.tower(self.transform(parsed))
            scores, ids = self.index(embeddings)
            return {"scores": scores, "ids": ids, "embeddings": embeddings}

    served = Served()
    tf.saved_model.save(
        served, fn_args.serving_model_dir, signatures={"serving_default": served.serve}
    )
    tf.io.gfile.makedirs(fn_args.model_run_dir)
    # What the benchmark needs to measure the model's quality.
    terms = transform_output.vocabulary_by_name(candidate_id)
    known = [index for index in seen if index < len(terms)]
    np.savez(
        f"{fn_args.model_run_dir}/catalogue.npz",
        ids=np.array([terms[index] for index in known]),
        embeddings=np.stack([seen[index] for index in known]),
    )
    with tf.io.gfile.GFile(f"{fn_args.model_run_dir}/epochs.json", "w") as file:
        json.dump(seconds, file)

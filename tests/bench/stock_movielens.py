"""What a person writes by hand for stock Transform and Trainer: a plain TFRS two-tower model."""

import json
import math
import time

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs
import tensorflow_transform as tft

VOCABULARY_FEATURES = ("user_id", "movie_id", "gender", "genres")
BATCH_SIZE = 1024
EPOCHS = 3


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


class Tower(tf.keras.Model):
    """Embeddings and numbers, one hidden layer, 32 outputs."""

    def __init__(self, tables, numbers):
        super().__init__()
        self.names = list(tables)
        self.numbers = numbers
        self.tables = {
            name: tf.keras.layers.Embedding(rows, dim) for name, (rows, dim) in tables.items()
        }
        self.layers_ = tf.keras.Sequential(
            [tf.keras.layers.Dense(64, activation="relu"), tf.keras.layers.Dense(32)]
        )

    def call(self, features):
        columns = [
            tf.reshape(self.tables[name](features[name]), [-1, self.tables[name].output_dim])
            for name in self.names
        ]
        columns += [tf.reshape(features[name], [-1, 1]) for name in self.numbers]
        return self.layers_(tf.concat(columns, axis=1))


class TwoTower(tfrs.Model):
    """The model of the TFRS tutorials, without metrics in training."""

    def __init__(self, transform_output):
        super().__init__()

        def rows(name):
            return transform_output.vocabulary_size_by_name(name) + 1

        self.query_tower = Tower(
            {
                "user_id": (rows("user_id"), 32),
                "gender": (rows("gender"), 4),
                "occupation_bucket": (11, 4),
                "gender_x_age_cross": (1000, 4),
            },
            ["age_norm", "hour_sin", "hour_cos"],
        )
        self.candidate_tower = Tower(
            {"movie_id": (rows("movie_id"), 32), "genres": (rows("genres"), 8)}, ["year_norm"]
        )
        self.task = tfrs.tasks.Retrieval()

    def compute_loss(self, features, training=False):
        return self.task(self.query_tower(features), self.candidate_tower(features))


def run_fn(fn_args):
    """Trains, indexes and exports."""
    transform_output = tft.TFTransformOutput(fn_args.transform_graph_path)
    spec = transform_output.transformed_feature_spec()

    def dataset(pattern):
        records = tf.data.TFRecordDataset(tf.io.gfile.glob(pattern), compression_type="GZIP")
        batches = records.shuffle(100_000).batch(BATCH_SIZE)
        parsed = batches.map(
            lambda batch: tf.io.parse_example(batch, spec), num_parallel_calls=tf.data.AUTOTUNE
        )
        return parsed.prefetch(tf.data.AUTOTUNE)

    model = TwoTower(transform_output)
    model.compile(tf.keras.optimizers.Adagrad(0.1))
    train = dataset(fn_args.train_files)
    seconds = []
    for _ in range(EPOCHS):
        start = time.perf_counter()
        model.fit(train, epochs=1, verbose=0)
        seconds.append(time.perf_counter() - start)

    seen = {}
    for batch in dataset(fn_args.train_files):
        embeddings = model.candidate_tower(batch).numpy()
        for key, embedding in zip(batch["movie_id"].numpy().ravel(), embeddings, strict=True):
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
            names = ("user_id", "gender", "age", "occupation", "timestamp")
            parsed = tf.io.parse_example(examples, {name: raw[name] for name in names})
            embeddings = self.tower(self.transform(parsed))
            scores, ids = self.index(embeddings)
            return {"scores": scores, "ids": ids, "embeddings": embeddings}

    served = Served()
    tf.saved_model.save(
        served, fn_args.serving_model_dir, signatures={"serving_default": served.serve}
    )
    tf.io.gfile.makedirs(fn_args.model_run_dir)
    # What the benchmark needs to measure the model's quality.
    terms = transform_output.vocabulary_by_name("movie_id")
    known = [index for index in seen if index < len(terms)]
    np.savez(
        f"{fn_args.model_run_dir}/catalogue.npz",
        ids=np.array([int(terms[index]) for index in known]),
        embeddings=np.stack([seen[index] for index in known]),
    )
    with tf.io.gfile.GFile(f"{fn_args.model_run_dir}/epochs.json", "w") as file:
        json.dump(seconds, file)

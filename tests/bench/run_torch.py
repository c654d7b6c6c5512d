"""The model of this project's pipeline in PyTorch, trained on the same features.

It runs under an interpreter of its own, which needs torch, numpy and pyarrow.
"""

import itertools
import sys
import time

import bare_features
import numpy as np
import torch
from meter import StepMeter
from speed_sets import BATCH_SIZE, EPOCHS, SETS


class Tower(torch.nn.Module):
    """Embeddings and numbers, and the layers over them."""

    def __init__(self, shape, sizes):
        """Builds the layers.

        Args:
            shape: A `speed_sets.TowerShape`.
            sizes: Number of values of each index.
        """
        super().__init__()
        self.shape = shape
        self.tables = torch.nn.ModuleDict(
            {
                name: torch.nn.Embedding(sizes[name], dim, sparse=True)
                for name, dim in shape.tables.items()
            }
        )
        for table in self.tables.values():
            torch.nn.init.uniform_(table.weight, -0.05, 0.05)
        widths = [shape.width, *shape.hidden, shape.output]
        self.dense = torch.nn.ModuleList(
            torch.nn.Linear(*pair) for pair in itertools.pairwise(widths)
        )

    def forward(self, features):
        """Returns embeddings, `[batch, output]`."""
        columns = [self.embed(name, features[name]) for name in self.shape.read_by_layers]
        columns += [features[name][:, None] for name in self.shape.numbers]
        x = torch.cat(columns, dim=1)
        for layer in self.dense[:-1]:
            x = torch.relu(layer(x))
        x = self.dense[-1](x)
        if self.shape.id_past_layers:
            x = x + self.embed(self.shape.id, features[self.shape.id])
        return x

    def embed(self, name, indices):
        """Returns the embeddings of a feature, averaged if it has several values."""
        if name not in self.shape.averaged:
            return self.tables[name](indices)
        mask = (indices >= 0).float()[:, :, None]
        vectors = self.tables[name](indices.clamp(min=0)) * mask
        return vectors.sum(dim=1) / mask.sum(dim=1).clamp(min=1)


def loss_of(queries, candidates, ids, log_shares, penalty):
    """Returns the in-batch softmax loss with logQ correction, without accidental hits."""
    scores = queries @ candidates.T - log_shares[ids]
    others = ~torch.eye(len(ids), dtype=torch.bool)
    scores = scores.masked_fill((ids[:, None] == ids[None, :]) & others, -1e30)
    loss = torch.nn.functional.cross_entropy(scores, torch.arange(len(ids)), reduction="sum")
    if penalty:
        loss = loss + penalty * (queries.square().sum() + candidates.square().sum())
    return loss


def optimizers_of(towers, dense_learning_rate):
    """Returns the optimisers of tables and layers; one may do both."""
    tables = [weight for tower in towers for weight in tower.tables.parameters()]
    layers = [weight for tower in towers for weight in tower.dense.parameters()]
    if dense_learning_rate is None:
        return [torch.optim.Adagrad([*tables, *layers], 0.1, initial_accumulator_value=0.1)]
    return [
        torch.optim.Adagrad(tables, 0.1, initial_accumulator_value=0.1),
        torch.optim.Adam(layers, dense_learning_rate),
    ]


def main(name, path):
    """Reads, transforms and trains."""
    speed_set = SETS[name]
    candidate_id = speed_set.candidate.id
    meter = StepMeter()
    with meter.step("data"):
        features, sizes, train = bare_features.read(name, path)
    epochs = []
    with meter.step("training"):
        shares = np.bincount(features[candidate_id][train], minlength=sizes[candidate_id])
        shares = np.maximum(shares, 0.5)
        log_shares = torch.from_numpy(np.log(shares / shares.sum()).astype("float32"))
        query, candidate = Tower(speed_set.query, sizes), Tower(speed_set.candidate, sizes)
        optimizers = optimizers_of([query, candidate], speed_set.dense_learning_rate)
        for epoch in range(EPOCHS):
            start = time.perf_counter()
            batches = bare_features.batches(features, train, BATCH_SIZE, epoch)
            batches = {name: torch.from_numpy(values) for name, values in batches.items()}
            for step in range(len(batches[candidate_id])):
                batch = {name: values[step] for name, values in batches.items()}
                for optimizer in optimizers:
                    optimizer.zero_grad()
                ids = batch[candidate_id]
                loss = loss_of(query(batch), candidate(batch), ids, log_shares, speed_set.penalty)
                loss.backward()
                for optimizer in optimizers:
                    optimizer.step()
            epochs.append(time.perf_counter() - start)
    meter.report(epochs=epochs)


if __name__ == "__main__":
    main(*sys.argv[1:])

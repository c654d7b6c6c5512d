"""The model of this project's pipeline in PyTorch, trained on the same features.

It runs under an interpreter of its own, which needs torch, numpy and pyarrow.
"""

import json
import sys
import time

import bare_features
import numpy as np
import torch

BATCH_SIZE = 1024
EPOCHS = 3


class Tower(torch.nn.Module):
    """Embeddings and numbers, one hidden layer, 32 outputs."""

    def __init__(self, sizes, dims, numbers):
        """Builds the layers.

        Args:
            sizes: Number of values of each index.
            dims: Width of each index's embedding.
            numbers: Names of the numeric features.
        """
        super().__init__()
        self.numbers = numbers
        self.tables = torch.nn.ModuleDict(
            {name: torch.nn.Embedding(sizes[name], dim, sparse=True) for name, dim in dims.items()}
        )
        for table in self.tables.values():
            torch.nn.init.uniform_(table.weight, -0.05, 0.05)
        self.hidden = torch.nn.Linear(sum(dims.values()) + len(numbers), 64)
        self.output = torch.nn.Linear(64, 32)

    def forward(self, features):
        """Returns embeddings, `[batch, 32]`."""
        columns = [table(features[name]) for name, table in self.tables.items()]
        columns += [features[name][:, None] for name in self.numbers]
        return self.output(torch.relu(self.hidden(torch.cat(columns, dim=1))))


def loss_of(queries, candidates, ids, log_shares):
    """Returns the in-batch softmax loss with logQ correction, without accidental hits."""
    scores = queries @ candidates.T - log_shares[ids]
    others = ~torch.eye(len(ids), dtype=torch.bool)
    scores = scores.masked_fill((ids[:, None] == ids[None, :]) & others, -1e30)
    return torch.nn.functional.cross_entropy(scores, torch.arange(len(ids)), reduction="sum")


def main(path):
    """Trains and prints the seconds of each epoch."""
    features, sizes, train = bare_features.read(path)
    shares = np.bincount(features["movie_id"][train], minlength=sizes["movie_id"])
    shares = np.maximum(shares, 0.5)
    log_shares = torch.from_numpy(np.log(shares / shares.sum()).astype("float32"))
    query = Tower(sizes, bare_features.QUERY_DIMS, bare_features.QUERY_NUMBERS)
    candidate = Tower(sizes, bare_features.CANDIDATE_DIMS, bare_features.CANDIDATE_NUMBERS)
    weights = [*query.parameters(), *candidate.parameters()]
    optimizer = torch.optim.Adagrad(weights, lr=0.1, initial_accumulator_value=0.1)
    epochs = []
    for epoch in range(EPOCHS):
        start = time.perf_counter()
        batches = bare_features.batches(features, train, BATCH_SIZE, epoch)
        batches = {name: torch.from_numpy(values) for name, values in batches.items()}
        for step in range(len(batches["movie_id"])):
            batch = {name: values[step] for name, values in batches.items()}
            optimizer.zero_grad()
            loss_of(query(batch), candidate(batch), batch["movie_id"], log_shares).backward()
            optimizer.step()
        epochs.append(time.perf_counter() - start)
    print("MEASURED", json.dumps({"steps": {}, "epochs": epochs}))


if __name__ == "__main__":
    main(*sys.argv[1:])

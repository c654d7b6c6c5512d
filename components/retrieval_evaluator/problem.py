"""What is ranked for whom: the evaluation interactions, numbered for vectorised ranking."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from tfx_retrieval.components.retrieval_evaluator import full_ranking, popularity, ranking
from tfx_retrieval.components.retrieval_evaluator.ranking import BoolArray, IntArray


@dataclasses.dataclass(frozen=True)
class RankingProblem:
    """Evaluation interactions (T), their distinct query-candidate pairs (P), queries (Q).

    A ranking (R) belongs to a query and a score row, since one query may come with several
    contexts. `query_ranking` is the one by which the query itself is judged.

    Attributes:
        interaction_query: int64 [T], query in [0, Q).
        interaction_candidate: int64 [T], candidate; the catalogue's size and above mean "outside".
        interaction_pair: int64 [T], pair in [0, P).
        interaction_ranking: int64 [T], ranking in [0, R).
        interaction_seen: bool [T], whether the query has seen the candidate before.
        pair_query: int64 [P].
        pair_candidate: int64 [P].
        pair_seen: bool [P].
        pair_group: int64 [P], pairs that are in the same slices.
        query_ranking: int64 [Q], ranking in [0, R).
        ranking_query: int64 [R], query in [0, Q).
        ranking_row: int64 [R], score row.
        seen: The items seen before, by query.
        slices: Name to bool [T], the interactions of each slice.
    """

    interaction_query: IntArray
    interaction_candidate: IntArray
    interaction_pair: IntArray
    interaction_ranking: IntArray
    interaction_seen: BoolArray
    pair_query: IntArray
    pair_candidate: IntArray
    pair_seen: BoolArray
    pair_group: IntArray
    query_ranking: IntArray
    ranking_query: IntArray
    ranking_row: IntArray
    seen: ranking.SeenItems
    slices: Mapping[str, BoolArray]

    @property
    def number_of_queries(self) -> int:
        """How many distinct queries are evaluated."""
        return len(self.query_ranking)

    @property
    def number_of_candidates(self) -> int:
        """Size of the catalogue."""
        return self.seen.number_of_candidates

    def pairs_of(self, interactions: BoolArray) -> BoolArray:
        """Returns which pairs [P] have at least one of the interactions [T]."""
        pairs = np.zeros(len(self.pair_query), bool)
        pairs[self.interaction_pair[interactions]] = True
        return pairs


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The ranks that one system (a model, a baseline) gave to a problem's interactions.

    Attributes:
        pair_rank: int64 [P], rank with seen items excluded; 0 for none and possibly beyond the
            largest k, unless the pair is the best of its query and group.
        interaction_rank: int64 [T], the same in the interaction's own ranking.
        interaction_rank_kept: int64 [T], the rank among all candidates, seen ones included.
        coverage: float64 [len(ks)], share of the catalogue among the queries' first k.
        novelty: float64 [Q, len(ks)], mean self-information (bits) of the query's first k.
    """

    pair_rank: IntArray
    interaction_rank: IntArray
    interaction_rank_kept: IntArray
    coverage: npt.NDArray[np.float64]
    novelty: npt.NDArray[np.float64]


def build_problem(
    queries: IntArray,
    candidates: IntArray,
    score_rows: IntArray,
    seen: ranking.SeenItems,
    slices: Mapping[str, BoolArray],
) -> RankingProblem:
    """Numbers the pairs and rankings of the evaluation interactions.

    Args:
        queries: int64 [T], query of each interaction; every number in [0, Q) occurs.
        candidates: int64 [T], candidate of each; the catalogue's size and above mean "outside".
        score_rows: int64 [T], score row of each. A query is judged by that of its first
            interaction in this order.
        seen: The items seen before, by query.
        slices: Name to bool [T].

    Returns:
        The problem.
    """
    width = max(int(candidates.max(initial=0)) + 1, seen.number_of_candidates)
    pairs, pair_of = np.unique(queries * width + candidates, return_inverse=True)
    rows = int(score_rows.max(initial=0)) + 1
    rankings, ranking_of = np.unique(queries * rows + score_rows, return_inverse=True)
    first = np.unique(queries, return_index=True)[1]
    pair_query, pair_candidate = np.divmod(pairs, width)
    pair_seen = seen.contains(pair_query, pair_candidate)
    return RankingProblem(
        interaction_query=queries,
        interaction_candidate=candidates,
        interaction_pair=pair_of,
        interaction_ranking=ranking_of,
        interaction_seen=pair_seen[pair_of],
        pair_query=pair_query,
        pair_candidate=pair_candidate,
        pair_seen=pair_seen,
        pair_group=_slice_groups(pair_of, len(pairs), slices),
        query_ranking=ranking_of[first],
        ranking_query=rankings // rows,
        ranking_row=rankings % rows,
        seen=seen,
        slices=slices,
    )


def rank_by_scores(
    problem: RankingProblem,
    scores: ranking.ScoreFunction,
    ks: Sequence[int],
    information: npt.NDArray[np.float64],
    batch_size: int | None = None,
) -> Outcome:
    """Ranks the problem by a score function over its score rows.

    Args:
        problem: What to rank.
        scores: Score function, see `ranking.ScoreFunction`.
        ks: Cut-offs.
        information: Self-information of each candidate [candidates].
        batch_size: Rankings scored at once.

    Returns:
        The ranks.
    """
    requests, of_interaction, of_pair = _requests(problem)
    ranks = full_ranking.rank_requests(
        scores,
        problem.ranking_row,
        problem.ranking_query,
        problem.seen,
        requests,
        ks,
        counted=_judged(problem),
        item_information=information,
        batch_size=batch_size,
    )
    return _outcome(problem, ranks, of_interaction, of_pair)


def rank_by_order(
    problem: RankingProblem,
    fixed: popularity.FixedOrder,
    ks: Sequence[int],
    information: npt.NDArray[np.float64],
) -> Outcome:
    """Ranks the problem by a fixed order of the catalogue.

    Args:
        problem: What to rank.
        fixed: The order.
        ks: Cut-offs.
        information: Self-information of each candidate [candidates].

    Returns:
        The ranks.
    """
    requests, of_interaction, of_pair = _requests(problem)
    ranks = popularity.rank_fixed_order(
        fixed,
        problem.ranking_query,
        problem.seen,
        requests,
        ks,
        counted=_judged(problem),
        item_information=information,
    )
    return _outcome(problem, ranks, of_interaction, of_pair)


def _slice_groups(
    pair_of: IntArray, number_of_pairs: int, slices: Mapping[str, BoolArray]
) -> IntArray:
    """Numbers the pairs by the set of slices they are in."""
    members = np.zeros((len(slices) + 1, number_of_pairs), bool)
    for row, interactions in enumerate(slices.values()):
        members[row, pair_of[interactions]] = True
    packed = np.ascontiguousarray(np.packbits(members, axis=0).T)
    return np.unique(packed.view(f"V{packed.shape[1]}").ravel(), return_inverse=True)[1]


def _requests(problem: RankingProblem) -> tuple[ranking.Requests, IntArray, IntArray]:
    """Returns the distinct requests and those of each interaction and of each pair."""
    width = int(problem.interaction_candidate.max(initial=0)) + 1
    pair_keys = problem.query_ranking[problem.pair_query] * width + problem.pair_candidate
    own_keys = problem.interaction_ranking * width + problem.interaction_candidate
    keys, places = np.unique(np.concatenate([own_keys, pair_keys]), return_inverse=True)
    of_interaction, of_pair = places[: len(own_keys)], places[len(own_keys) :]
    group = np.full(len(keys), -1, np.int64)
    group[of_pair] = problem.pair_group
    return ranking.Requests(keys // width, keys % width, group), of_interaction, of_pair


def _judged(problem: RankingProblem) -> BoolArray:
    """Returns which rankings [R] are those by which a query is judged."""
    judged = np.zeros(len(problem.ranking_query), bool)
    judged[problem.query_ranking] = True
    return judged


def _outcome(
    problem: RankingProblem, ranks: ranking.Ranks, of_interaction: IntArray, of_pair: IntArray
) -> Outcome:
    """Hands the ranks of the requests back to interactions and pairs."""
    return Outcome(
        pair_rank=ranks.excluded[of_pair],
        interaction_rank=ranks.excluded[of_interaction],
        interaction_rank_kept=ranks.kept[of_interaction],
        coverage=ranks.recommended.mean(axis=1),
        novelty=ranks.information[problem.query_ranking],
    )

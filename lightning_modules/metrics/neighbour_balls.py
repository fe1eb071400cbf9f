"""Balls around points that reach to their k-th nearest neighbour, and which points they hold.

Distances come from products of matrices, which are fast but round. Wherever that could decide, they are computed
again from the differences of features, so that a point on the edge of a ball is told from one inside.
"""

from typing import NamedTuple

import torch
from torch import Tensor

ROUNDING = 1e-11  # of a squared distance by products, relative to the squared lengths of the two vectors
PAIRS = 2**15  # that are compared exactly at a time


class BallCounts(NamedTuple):
    """How often balls and points meet.

    Attributes:
        points_in_ball: ``(M,)`` integers, points in each ball.
        balls_of_point: ``(N,)`` integers, balls that hold each point.
    """

    points_in_ball: Tensor
    balls_of_point: Tensor


def neighbour_radii(points: Tensor, nearest: int, chunk: int = 1024) -> Tensor:
    """Distance ``(N,)`` of each of ``points`` ``(N, D)`` to the k-th nearest other one, k = ``nearest``."""
    radii = []
    for start in range(0, len(points), chunk):
        part = points[start : start + chunk]
        squares = _squares(part, points)
        rows = torch.arange(len(part), device=points.device)
        squares[rows, start + rows] = torch.inf
        found = squares.topk(nearest, dim=1, largest=False).indices
        # The largest of exact distances: near ties the order by products may be wrong, the distance hardly.
        exact = _exact(part.repeat_interleave(nearest, dim=0), points[found.flatten()]).view(-1, nearest)
        radii.append(exact.max(dim=1).values)
    return torch.cat(radii)


def ball_counts(centers: Tensor, radii: Tensor, points: Tensor, chunk: int = 1024) -> BallCounts:
    """Count which of ``points`` ``(N, D)`` are nearer to ``centers`` ``(M, D)`` than their ``radii`` ``(M,)``."""
    in_ball, of_point = [], torch.zeros(len(points), dtype=torch.long, device=points.device)
    lengths = points.square().sum(dim=1)
    for part, radius in zip(centers.split(chunk), radii.split(chunk), strict=True):
        squares = _squares(part, points)
        excess = squares - radius.square()[:, None]
        inside = excess < 0.0
        doubtful = excess.abs() <= ROUNDING * (part.square().sum(dim=1)[:, None] + lengths)
        for pairs in doubtful.nonzero().split(PAIRS):
            row, column = pairs.unbind(dim=1)
            inside[row, column] = _exact(part[row], points[column]) < radius[row]
        in_ball.append(inside.sum(dim=1))
        of_point += inside.sum(dim=0)
    return BallCounts(torch.cat(in_ball), of_point)


def _squares(x: Tensor, y: Tensor) -> Tensor:
    """Squared distances ``(M, N)`` by products of matrices."""
    return x.square().sum(dim=1)[:, None] + y.square().sum(dim=1) - 2.0 * x @ y.mT


def _exact(x: Tensor, y: Tensor) -> Tensor:
    """Distances ``(P,)`` of pairs of rows."""
    return (x - y).square().sum(dim=1).sqrt()

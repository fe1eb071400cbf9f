"""Three classes whose scores and whose classifier are known exactly."""

import torch

from lightning_modules.networks import Reading

MEANS = torch.tensor([-0.8, 0.1, 0.9], dtype=torch.float64).reshape(3, 1, 1, 1)
STD = 0.5


class Mixture:
    """Three classes N(mean_k, STD^2) in every value of the map: its denoiser, and its Bayes classifier."""

    def __init__(self, sde):
        self.sde, self.reads = sde, []

    def log_joint(self, x_t, t):
        alpha_t, sigma_t = self.sde.marginal(t)
        variance = alpha_t.square() * STD**2 + sigma_t.square()
        distances = (x_t.unsqueeze(1) - alpha_t.unsqueeze(1) * MEANS).square() / variance.unsqueeze(1)
        return -0.5 * distances.sum(dim=(2, 3, 4))

    def class_score(self, x_t, t, y):
        """Score of the class itself: what guidance at scale 1 must arrive at."""
        alpha_t, sigma_t = self.sde.marginal(t)
        return (alpha_t * MEANS[y] - x_t) / (alpha_t.square() * STD**2 + sigma_t.square())

    def score(self, x_t, t):
        posterior = self.log_joint(x_t, t).softmax(dim=1)
        scores = torch.stack([self.class_score(x_t, t, torch.full((len(t),), k)) for k in range(3)], dim=1)
        return (posterior.reshape(*posterior.shape, 1, 1, 1) * scores).sum(dim=1)

    def __call__(self, x_t, t, y=None):
        return self.sde.denoised_from_score(self.score(x_t, t), x_t, t)

    def read(self, x_t, t, differentiable=False):
        self.reads.append(differentiable)
        x_t = x_t.detach().requires_grad_()
        return Reading(x_t, self.log_joint(x_t, t), {}, [])

    def denoise(self, x_t, t, reading=None, y=None):
        return self(x_t, t)


class ConditionalMixture(Mixture):
    """The same as a network that is told labels: the estimate for a class, and without label the mixture's."""

    conditional = True

    def read(self, x_t, t, differentiable=False):
        self.reads.append(differentiable)

    def denoise(self, x_t, t, reading=None, y=None):
        free = self(x_t, t)
        if y is None:
            return free
        of_class = self.sde.denoised_from_score(self.class_score(x_t, t, y.clamp(min=0)), x_t, t)
        return torch.where((y >= 0).reshape(-1, 1, 1, 1), of_class, free)

"""Distillation: how a student learns in one evaluation, or a few, what a guided teacher draws in many."""

from lightning_modules.diffusion.distillation.adversarial import Adversarial
from lightning_modules.diffusion.distillation.curriculum import Curriculum
from lightning_modules.diffusion.distillation.endpoints import EndpointRegression
from lightning_modules.diffusion.distillation.method import Lesson, Method, Room
from lightning_modules.diffusion.distillation.segments import SegmentDistillation
from lightning_modules.diffusion.distillation.teacher import Teacher

__all__ = [
    "Adversarial",
    "Curriculum",
    "EndpointRegression",
    "Lesson",
    "Method",
    "Room",
    "SegmentDistillation",
    "Teacher",
]

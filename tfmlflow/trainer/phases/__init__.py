"""Trainings in phases: from some epoch on, layers that were frozen are trained, at a rate of their own."""

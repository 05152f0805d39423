"""Tests of the neural engine."""

"""Tests of deploy/image."""

"""Helpers of the tests of the deployment."""

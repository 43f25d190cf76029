"""Campaigns: records are opened for all selected people who do not object."""

"""What operators reach of each worker through the edge: these paths and what lies below them, and nothing else.

The edge lets only operators with a certificate of their authority in; the worker then asks for a token with the scope
`operations`, which names the person. Envoy (`deploy/edge`) and its Service (`deploy/manifests/edge.py`) take the
paths and the port from here.
"""

from typing import Final

OPERATORS_HOST: Final = "operators"
"""The first label of the host; a service's worker is reached below `/<service>`."""
OPERATORS_PORT: Final = 9443
WATCHED: Final = ("/readyz", "/metrics")
"""The pages of a worker that need no token."""
ACTS: Final = ("/dead-letters", "/offsets", "/refused-announcements", "/recovery", "/topics", "/process-acts")
"""The routes of a worker that need a token with the scope `operations`."""
OPERATOR_PATHS: Final = (*WATCHED, *ACTS)
LONGEST_ACT_S: Final = 3600
"""Seconds that an act may take, such as a recovery; the worker itself sets no limit."""

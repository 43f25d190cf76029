"""`python -m services.identity api | worker | migrate | recover`."""

from services.identity.app import make_api, make_recovery, make_worker
from services.identity.settings import Settings
from shared.process import main

if __name__ == "__main__":
    main("identity", Settings, api=make_api, worker=make_worker, recovery=make_recovery)

"""`python -m services.consent api | worker | migrate | recover | keys status | keys rewrap`."""

from services.consent.app import make_api, make_recovery, make_worker
from services.consent.settings import Settings
from shared.service.process import main

if __name__ == "__main__":
    main("consent", Settings, api=make_api, worker=make_worker, recovery=make_recovery)

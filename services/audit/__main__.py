"""`python -m services.audit api | worker | migrate | recover`."""

from services.audit.app import make_api, make_worker
from services.audit.settings import Settings
from shared.process import main

if __name__ == "__main__":
    main("audit", Settings, api=make_api, worker=make_worker)

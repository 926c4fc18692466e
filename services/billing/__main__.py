"""`python -m services.billing serve | worker | migrate | settings`."""

from services.billing.app import NAME, create_app, open_service
from services.billing.settings import Settings
from services.billing.worker import loops
from shared.service_main import run

if __name__ == "__main__":
    run(NAME, settings=Settings, create_app=create_app, open_service=open_service, loops=loops)

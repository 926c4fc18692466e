"""`python -m services.gateway serve | worker | migrate | settings`."""

from services.gateway.app import create_app
from services.gateway.service import open_service
from services.gateway.settings import Settings
from services.gateway.worker import loops
from shared.service_main import run

if __name__ == "__main__":
    run("gateway", settings=Settings, create_app=create_app, open_service=open_service, loops=loops)

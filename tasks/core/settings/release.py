"""What a release's `.env` says: the settings that its Compose files and host scripts read."""

from __future__ import annotations

from tasks.core.settings.schema import Settings

_BUILT = ("FRONTEND_IMAGE", "BACKEND_IMAGE", "DATABASE_IMAGE", "EDGE_IMAGE", "DATABASE_FINGERPRINT", "EDGE_FINGERPRINT")
_OF_THE_RUN = ("RELEASE", "SLOT", "COMPOSE_PROJECT_NAME")


def release_environment(settings: Settings) -> dict[str, str]:
    """Give the settings' part of a release's `.env`; no value needs quoting."""
    app = settings.app_name
    return {
        "APP_NAME": app,
        "HTTP_PORT": str(settings.http_port),
        "HTTPS_PORT": str(settings.https_port),
        "ENABLE_HTTPS": _word(settings.enable_https),
        "HTTPS_REDIRECT": _word(settings.https_redirect),
        "HSTS_SECONDS": str(settings.hsts_seconds),
        "SERVER_NAMES": ",".join(settings.server_names),
        "CERT_PATH": settings.cert_on_host or "",  # one on the workstation is sent, and its path is nobody's there
        "POSTGRES_USER": settings.postgres_user,
        "POSTGRES_DB": settings.postgres_db,
        "NODE_ENV": settings.node_env,
        "BACKEND_PORT": str(settings.backend_port),
        "BACKEND_INTERNAL": _word(not settings.backend_egress),
        "CLIENT_MAX_BODY_SIZE": settings.client_max_body_size,
        "DEPLOYMENT_PATH": settings.deployment_path,
        "LOG_PATH": settings.log_path,
        "API_USER_UID": str(settings.api_user_uid),
        "API_USER_GID": str(settings.api_user_gid),
        "SOCKET_PERMISSIONS": settings.socket_permissions,
        "DATA_PATH": settings.data_path or "",
        "SOCKET_PATH": settings.socket_path or "",
        "DATA_VOLUME": f"{app}_data",
        "SOCKET_VOLUME": f"{app}_socket",
        "ASSETS_VOLUME": f"{app}_assets",
        "CERTS_VOLUME": f"{app}_certs",
        "FRONTEND_MEMORY": settings.frontend_memory,
        "BACKEND_MEMORY": settings.backend_memory,
        "DATABASE_MEMORY": settings.database_memory,
        "EDGE_MEMORY": settings.edge_memory,
        "KEEP_RELEASES": str(settings.keep_releases),
        "MIGRATE_TIMEOUT": str(settings.migrate_timeout),
        "HEALTH_TIMEOUT": str(settings.health_timeout),
        "HEALTH_RETRIES": str(settings.health_retries),
        "DRAIN_SECONDS": str(settings.drain_seconds),
    }


def defined_on_host(settings: Settings) -> dict[str, str]:
    """Give all that Compose finds defined on a host; of what is decided later only that it will not be empty."""
    return {**release_environment(settings), **dict.fromkeys((*_BUILT, *_OF_THE_RUN), "decided later")}


def _word(value: bool) -> str:  # noqa: FBT001
    return "true" if value else "false"

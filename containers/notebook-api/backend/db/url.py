"""The database address, from the environment: DATABASE_URL, else its parts (DB_USER, DB_HOST...)."""

from os import environ
from urllib.parse import quote

DEFAULT_DRIVER = "postgresql+psycopg"


def get_db_url() -> str:
    url = environ.get("DATABASE_URL")
    if url:
        # Providers hand out postgres:// and postgresql://, for which SQLAlchemy would pick psycopg2.
        scheme, _, rest = url.partition("://")
        if scheme in ("postgres", "postgresql"):
            return f"{environ.get('DB_DRIVER', DEFAULT_DRIVER)}://{rest}"
        return url

    missing = [name for name in ("DB_USER", "DB_HOST", "DB_DATABASE") if not environ.get(name)]
    if missing:
        raise RuntimeError(f"set DATABASE_URL, or {', '.join(missing)}: see backend/.env.example")
    driver = environ.get("DB_DRIVER", DEFAULT_DRIVER)
    user = quote(environ["DB_USER"], safe="")
    password = quote(environ.get("DB_PASS", ""), safe="")
    host, port = environ["DB_HOST"], environ.get("DB_PORT", "5432")
    credentials = f"{user}:{password}" if password else user
    return f"{driver}://{credentials}@{host}:{port}/{environ['DB_DATABASE']}"


db_url = get_db_url()

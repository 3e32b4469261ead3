from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """Every table class extends this one; its metadata is what Alembic compares with the database."""

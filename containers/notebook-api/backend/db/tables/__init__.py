from db.tables.base import Base
from db.tables.notebook import NotebooksTable
from db.tables.notebook_session import NotebookSessionsTable
from db.tables.source import SourcesTable

__all__ = ["Base", "NotebookSessionsTable", "NotebooksTable", "SourcesTable"]

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from api.schemas import NotebookIn, NotebookOut, SessionIn, SessionOut, SourceIn, SourceOut
from db.session import get_db
from db.tables import NotebooksTable, NotebookSessionsTable, SourcesTable

router = APIRouter()
Db = Annotated[Session, Depends(get_db)]


def notebook_or_404(db: Session, notebook_id: int) -> NotebooksTable:
    notebook = db.get(NotebooksTable, notebook_id)
    if notebook is None:
        raise HTTPException(404, f"there is no notebook {notebook_id}")
    return notebook


def add(db: Session, row):
    db.add(row)
    db.commit()
    db.refresh(row)
    return row


@router.get("/health")
def health(db: Db) -> dict[str, str]:
    db.execute(text("SELECT 1"))
    return {"status": "ok"}


@router.get("/notebooks")
def list_notebooks(db: Db) -> list[NotebookOut]:
    return db.scalars(select(NotebooksTable).order_by(NotebooksTable.id)).all()


@router.post("/notebooks", status_code=201)
def create_notebook(body: NotebookIn, db: Db) -> NotebookOut:
    return add(db, NotebooksTable(**body.model_dump()))


@router.delete("/notebooks/{notebook_id}", status_code=204)
def delete_notebook(notebook_id: int, db: Db) -> None:
    db.delete(notebook_or_404(db, notebook_id))
    db.commit()


@router.get("/notebooks/{notebook_id}/sessions")
def list_sessions(notebook_id: int, db: Db) -> list[SessionOut]:
    notebook_or_404(db, notebook_id)
    table = NotebookSessionsTable
    return db.scalars(select(table).filter_by(notebook_id=notebook_id).order_by(table.id)).all()


@router.post("/notebooks/{notebook_id}/sessions", status_code=201)
def create_session(notebook_id: int, body: SessionIn, db: Db) -> SessionOut:
    notebook_or_404(db, notebook_id)
    return add(db, NotebookSessionsTable(notebook_id=notebook_id, **body.model_dump()))


@router.get("/notebooks/{notebook_id}/sources")
def list_sources(notebook_id: int, db: Db) -> list[SourceOut]:
    notebook_or_404(db, notebook_id)
    table = SourcesTable
    return db.scalars(select(table).filter_by(notebook_id=notebook_id).order_by(table.id)).all()


@router.post("/notebooks/{notebook_id}/sources", status_code=201)
def create_source(notebook_id: int, body: SourceIn, db: Db) -> SourceOut:
    notebook_or_404(db, notebook_id)
    return add(db, SourcesTable(notebook_id=notebook_id, **body.model_dump()))

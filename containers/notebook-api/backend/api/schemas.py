"""What goes in and out over HTTP."""

from datetime import datetime
from typing import Literal, Optional

from pydantic import BaseModel, ConfigDict, Field


class NotebookIn(BaseModel):
    title: str = Field(min_length=1, max_length=255)
    description: Optional[str] = None


class NotebookOut(NotebookIn):
    model_config = ConfigDict(from_attributes=True)
    id: int
    created_at: datetime


class SessionIn(BaseModel):
    name: Optional[str] = Field(default=None, max_length=255)


class SessionOut(SessionIn):
    model_config = ConfigDict(from_attributes=True)
    id: int
    notebook_id: int
    created_at: datetime


class SourceIn(BaseModel):
    source_type: Literal["url", "file", "text"]
    content: Optional[str] = None
    url: Optional[str] = Field(default=None, max_length=2048)


class SourceOut(SourceIn):
    model_config = ConfigDict(from_attributes=True)
    id: int
    notebook_id: int
    created_at: datetime

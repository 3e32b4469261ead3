"""add notebook_sessions

Revision ID: 0002b41f6d28
Revises: 0001a7c35e90
Create Date: 2026-09-14 16:40:02.771120

"""
from typing import Sequence, Union

from alembic import op
import sqlalchemy as sa


# revision identifiers, used by Alembic.
revision: str = '0002b41f6d28'
down_revision: Union[str, Sequence[str], None] = '0001a7c35e90'
branch_labels: Union[str, Sequence[str], None] = None
depends_on: Union[str, Sequence[str], None] = None


def upgrade() -> None:
    op.create_table('notebook_sessions',
    sa.Column('id', sa.BigInteger(), autoincrement=True, nullable=False),
    sa.Column('notebook_id', sa.BigInteger(), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['notebook_id'], ['notebooks.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_notebook_sessions_id'), 'notebook_sessions', ['id'], unique=False)
    op.create_index(op.f('ix_notebook_sessions_notebook_id'), 'notebook_sessions', ['notebook_id'], unique=False)


def downgrade() -> None:
    op.drop_index(op.f('ix_notebook_sessions_notebook_id'), table_name='notebook_sessions')
    op.drop_index(op.f('ix_notebook_sessions_id'), table_name='notebook_sessions')
    op.drop_table('notebook_sessions')

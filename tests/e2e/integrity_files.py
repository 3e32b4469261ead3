"""The revision files of the project that tests/e2e/integrity.py tampers with."""

HEAD = '''"""{doc}

Revision ID: {id}
Revises: {down}
"""
from typing import Sequence, Union

from alembic import op
import sqlalchemy as sa

revision = {id!r}
down_revision = {down!r}
branch_labels = {labels!r}
depends_on = {depends!r}


def upgrade():
{up}

def downgrade():
{back}
'''


def revision(id, down, up, back, depends=None, labels=None, doc=None):
    def body(text):
        return "".join(f"    {line}\n" for line in text.strip().splitlines())

    return HEAD.format(id=id, down=down, depends=depends, labels=labels, doc=doc or f"revision {id}",
                       up=body(up), back=body(back))


FILES = {
    "c1_accounts.py": revision("c1", None, '''
op.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
op.create_table('accounts',
    sa.Column('id', sa.BigInteger(), sa.Identity(), primary_key=True),
    sa.Column('email', sa.String(length=255), nullable=False),
    sa.Column('mood', sa.Text(), server_default='ok'))
op.create_index('ix_accounts_email', 'accounts', ['email'], unique=True)
op.create_check_constraint('email_given', 'accounts', "email <> ''")
''', '''
op.drop_table('accounts')
op.execute("DROP TYPE mood")
'''),
    "c2_notes.py": revision("c2", "c1", '''
op.create_table('notes',
    sa.Column('id', sa.BigInteger(), sa.Identity(), primary_key=True),
    sa.Column('account_id', sa.BigInteger(), sa.ForeignKey('accounts.id', name='notes_account', ondelete='CASCADE')),
    sa.Column('title', sa.String(length=255), nullable=False),
    sa.Column('body', sa.Text()))
op.execute("CREATE SEQUENCE ticket INCREMENT 5")
''', '''
op.execute("DROP SEQUENCE ticket")
op.drop_table('notes')
'''),
    "c3a_views.py": revision("c3a", "c2", '''
op.execute("CREATE VIEW titles AS SELECT id, title FROM notes")
op.execute("""CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
begin
    new.title := trim(new.title);
    return new;
end $$""")
op.execute("CREATE TRIGGER touch BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION touch()")
''', '''
op.execute("DROP TRIGGER touch ON notes")
op.execute("DROP FUNCTION touch")
op.execute("DROP VIEW titles")
'''),
    "c3b_policy.py": revision("c3b", "c2", '''
op.execute("ALTER TABLE notes ENABLE ROW LEVEL SECURITY")
op.execute("CREATE POLICY own ON notes USING (account_id > 0)")
''', '''
op.execute("DROP POLICY own ON notes")
op.execute("ALTER TABLE notes DISABLE ROW LEVEL SECURITY")
''', depends="c1", labels=["security"]),
    "c4_merge.py": revision("c4", ("c3a", "c3b"), "pass", "pass", doc="merge"),
    "c5_tags.py": revision("c5", "c4", '''
op.create_table('tags',
    sa.Column('id', sa.BigInteger(), primary_key=True),
    sa.Column('name', sa.String(length=50), nullable=False))
''', '''
op.drop_table('tags')
'''),
    "c6_color.py": revision("c6", "c5", '''
op.add_column('tags', sa.Column('color', sa.Text()))
''', '''
op.drop_column('tags', 'color')
'''),
}

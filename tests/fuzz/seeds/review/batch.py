from alembic import op as o
T = "u"
def h():
    o.drop_table("h")
def upgrade():
    with o.batch_alter_table(T) as b:
        b.add_column(sa.Column("a", sa.Text()))
    if x: o.execute(f"a {b}"); h()
    globals()["upgrade_"]()
def upgrade_a(): pass

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Databases of another encoding than UTF-8: what Alembic can do there, headgate does.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    load ../lib/apply
}

# prose NAME: revision r2 in a file of that name, whose message LATIN1 can hold in part.
prose() {
    hga_revision 2
    git mv mig/versions/r2.py "mig/versions/$1"
    sed -i '1s/.*/"""zażółć 日本 é"""/; s/^revision/# ☃\nrevision/' "mig/versions/$1"
    hga_commit
}

says() { PGCLIENTENCODING=UTF8 hgt_psql "$1"; }

@test "the record is not in the way of a migration whose message the database cannot hold" {
    hgt_db LATIN1
    hga_project 1
    prose r2_ł.py
    hga_revision 3 'op.create_table("t3", sa.Column("é", sa.Integer))'
    printf 'version: 1\ntargets:\n  production: { protected: true, environment: [ process ] }\n' > headgate.yaml
    hga_commit
    run --separate-stderr headgate apply -t production --yes --format json --override "HG502=bo ł, ö"
    expect_status 0
    [ "$(hga_rows)" = r3 ]
    [ "$(says "select message, path from headgate.applied where revision = 'r2'")" = \
        "za?ó?? ?? é|mig/versions/r2_?.py" ]
    [ "$(says "select overrides from headgate.run")" = '{"HG502=bo ?, ö"}' ]
    # The file is bytes, and so is its digest.
    [ "$(hgt_psql "select encode(file, 'base64') from headgate.step where revision = 'r2'" | base64 -d | sha256sum)" = \
        "$(sha256sum < mig/versions/r2_ł.py)" ]
    for verb in "status --check" gate "ledger verify" history; do
        # shellcheck disable=SC2086
        run --separate-stderr headgate $verb -t production --format json
        expect_status 0
        [ "$(json '[.findings[]? | select(.rule | startswith("HG2"))] | length')" = 0 ] || fail "$verb"
    done

    # Its file is proven by git, whatever its name lost.
    git checkout -q -b old && git rm -q mig/versions/r2_* mig/versions/r3.py && git commit -q -m old
    run --separate-stderr headgate rollback -t production --files-from-ledger --yes --format json r1
    expect_status 0
    [ "$(hga_rows)" = r1 ]
}

@test "a failure is recorded, whatever its text" {
    hgt_db LATIN1
    hga_project 1
    hga_revision 2 'raise RuntimeError("zażółć é")'
    run --separate-stderr headgate apply --yes --format json
    expect_status 4
    [[ $(hga_result .error.message) == *"zażółć é"* ]] || fail "another error"
    [ "$(says "select outcome, error like '%za?ó?? é%' from headgate.run")" = "failed|t" ]
}

@test "an error whose text is none is told as far as it goes" {
    hgt_db
    hga_project 1
    hga_revision 2 'raise RuntimeError("a" + chr(0) + "b" + chr(0xdc80) + "ł")'
    run --separate-stderr headgate apply --yes --format json
    expect_status 4
    [[ $(hga_result .error.message) == *"RuntimeError: a�b?ł"* ]] || fail "another error"
}

@test "psycopg's bytes for text, in an SQL_ASCII database, are read as what they say" {
    hgt_db SQL_ASCII
    hga_project 2
    run --separate-stderr headgate apply --yes --format json
    expect_status 4
    # SQLAlchemy does not know what to do with them, and Alembic fails alike.
    [[ $(hga_result .error.message) == *"TypeError"*'client_encoding="utf8"'* ]] || fail "another error"
    run alembic current
    expect_status 1
    sed -i 's/create_engine(url,/create_engine(url, client_encoding="utf8",/' mig/env.py
    hga_commit
    run --separate-stderr headgate apply --yes --format json
    expect_status 0
    [ "$(hga_rows)" = r2 ]
    run headgate doctor
    expect_status 0
}

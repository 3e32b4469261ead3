#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# headgate history: configurations read as Alembic reads them, and where they are found. T numbers as in
# history.bats.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() { load ../lib/common; load ../lib/history; hgt_history_setup; }

@test "T26: version_locations, and the separator that is forgotten" {
    mkdir x y
    rev 1.py aaaa1111 None && mv m/versions/1.py x
    rev 2.py bbbb2222 '"aaaa1111"' && mv m/versions/2.py y
    printf 'version_locations = %%(here)s/x:%%(here)s/y\n' >> alembic.ini
    rev 3.py cccc3333 None
    mkdir -p m/other && mv m/versions/3.py m/other
    look
    expect_status 0
    [ "$(json '.findings[0].rule')" = HG110 ]
    for separator in 'path_separator = os' 'version_path_separator = :'; do
        printf '[alembic]\nscript_location = m\n%s\nversion_locations = %%(here)s/x:%%(here)s/y:gone\n' "$separator" > alembic.ini
        look
        expect_ids "bbbb2222 aaaa1111"
        as_alembic
    done
    printf '[alembic]\nscript_location = m\npath_separator = newline\nversion_locations =\n  x\n  y\n' > alembic.ini
    look
    expect_ids "bbbb2222 aaaa1111"
    printf '[alembic]\nscript_location = m\nversion_locations = x, y\n' > alembic.ini
    look
    expect_ids "bbbb2222 aaaa1111"
    printf '[alembic]\nscript_location = m\nversion_locations = x y\npath_separator = comma\n' > alembic.ini
    look
    expect_status 2
    printf '[alembic]\nscript_location = m\nversion_locations = x:y\n' > alembic.ini
    look
    expect_status 2
}

@test "T26: a capital True is no true" {
    mkdir m/versions/2026
    rev 2026/1.py aaaa1111 None
    echo 'recursive_version_locations = True' >> alembic.ini
    look
    expect_status 0
    [ "$(json '.revisions | length')" = 0 ]
    [ "$(json '.findings[0].rule')" = HG110 ]
}

@test "T26: env.py says by code where the revisions are" {
    mkdir m/versions/lite m/versions/pg
    rev lite/1.py aaaa1111 None
    rev pg/1.py bbbb2222 None
    local folder='os.path.join(os.path.dirname(__file__), "versions", "pg")'
    # Too late for Alembic, whose upgrade finds nothing either.
    printf 'import os\nfrom alembic import context\ncontext.config.set_main_option("version_locations", %s)\n' \
        "$folder" > m/env.py
    look
    expect_ids ''
    [ -z "$(alembic history)" ]
    [ "$(json '.findings[0].rule')" = HG110 ]
    [[ "$(json '.findings[0].help')" == 'm/env.py:3 sets'*'`version_locations = %(here)s/m/versions/lite`' ]]
    # Heeded by its upgrade, not by its history.
    printf 'import os\nfrom alembic import context\ncontext.script.version_locations = [\n    %s]\n' "$folder" > m/env.py
    for python in '' --no-python; do
        look $python
        expect_status 3
        [[ "$(json .error.message)" == *'m/env.py:3 says by code'* ]] || fail "where"
        [[ "$(json .error.detail)" == *m/versions/lite/1.py*m/versions/pg/1.py ]] || fail "what is there"
        [[ "$(json .error.hint)" == *'in alembic.ini: `version_locations = %(here)s/m/versions/lite`' ]] || fail "hint"
    done
    echo 'version_locations = %(here)s/m/versions/pg' >> alembic.ini
    look
    expect_ids bbbb2222
    as_alembic
}

@test "T29: configuration that Alembic would not take" {
    printf '[other]\nscript_location = m\n' > alembic.ini
    look
    expect_status 2
    look --alembic-section other
    expect_status 0
    printf '[alembic]\nscript_location = m  # a comment\n' > alembic.ini
    look
    expect_status 2
    printf '[alembic]\nscript_location = m\nscript_location = m\n' > alembic.ini
    look
    expect_status 2
    [[ $(json .error.message) == alembic.ini:3:* ]] || fail "line"
    printf '\xef\xbb\xbf[alembic]\nscript_location = m\n' > alembic.ini
    look
    expect_status 2
    printf '[DEFAULT]\nroot = %%(here)s\n[alembic]\nSCRIPT_LOCATION: %%(root)s/m\nsqlalchemy.url = a%%40b\n' > alembic.ini
    look
    expect_status 0
    printf '[alembic]\nscript_location = %%(nothing)s/m\n' > alembic.ini
    look
    expect_status 2
}

@test "pyproject.toml, ALEMBIC_CONFIG, packages" {
    rm alembic.ini
    printf '[project]\nname = "x"\n[tool.alembic]\nscript_location = "%%(here)s/m"\n' > pyproject.toml
    rev 1.py aaaa1111 None
    look
    expect_ids aaaa1111
    mkdir conf
    printf '[alembic]\nscript_location = m\n' > conf/other.ini
    ALEMBIC_CONFIG=conf/other.ini look
    expect_ids aaaa1111
    look --alembic-config conf/other.ini
    expect_ids aaaa1111
    look --alembic-config nowhere.ini
    expect_status 2
    mkdir -p src/pkg && : > src/pkg/__init__.py && cp -r m src/pkg/migrations
    printf '[alembic]\nscript_location = pkg:migrations\nprepend_sys_path = src\n' > alembic.ini
    look
    expect_ids aaaa1111
    as_alembic
}

@test "alembic.ini is found below, above and at the root of the repository" {
    mkdir backend && mv m alembic.ini backend
    (cd backend && rev 1.py aaaa1111 None)
    look
    expect_ids aaaa1111
    [ "$(json '.revisions[0].path')" = backend/m/versions/1.py ]
    git init -q .
    mkdir -p frontend/src
    look -C frontend/src
    expect_ids aaaa1111
    [ "$(json '.revisions[0].path')" = ../../backend/m/versions/1.py ]
    mkdir other && cp -r backend/. other
    look
    expect_status 2
    [[ $(json .error.detail) == *backend*other* ]] || fail "both"
    rm -r other backend
    look
    expect_status 2
}

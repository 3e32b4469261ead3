#!/usr/bin/env bats
# Wrong or hostile input files of every kind: a clear error, the right exit code, no hang, no crash.

setup_file() { load ../lib/common; hgt_setup_file; }
setup() {
    load ../lib/common
    hgt_project
    rm -f headgate.yaml
    unset DATABASE_URL
    REVISION=$(ls backend/db/migrations/versions/*.py | tail -n 1)
}

# refused PATH CODES COMMAND…: ends in time with one of the codes, and says which file.
refused() {
    local path=$1 codes=$2
    shift 2
    run --separate-stderr timeout 20 "$@"
    [[ " $codes " == *" $status "* ]] || fail "$path: exit $status, not one of $codes"
    [[ $stderr$output == *"$(basename "$path")"* ]] || fail "$path: the file is not named"
}

# Makes a file bad in each way in turn and calls `refused` with what follows.
each_unreadable() {
    local path=$1
    shift
    rm -rf "$path"
    mkdir "$path"
    refused "$path" "$@"
    rmdir "$path"
    mkfifo "$path"
    refused "$path" "$@"
    rm "$path"
    ln -s "$(basename "$path")" "$path"
    refused "$path" "$@"
    rm "$path"
}

big_line() { head -c 10000000 /dev/zero | tr '\0' x; }

@test "alembic.ini: a directory, a FIFO, a symlink loop" {
    # A folder of that name is not a configuration, so none may be found at all: still named.
    each_unreadable "$PWD/backend/alembic.ini" "2 3" headgate history --offline -C backend \
        --alembic-config alembic.ini
}

@test "alembic.ini: a line of 10 MB, NUL bytes, invalid UTF-8" {
    ini=backend/alembic.ini
    { printf '[alembic]\nscript_location = '; big_line; echo; } > "$ini"
    refused "$ini" "2" headgate history --offline
    printf '[alembic]\nscript_location = db\0/migrations\n' > "$ini"
    refused "$ini" "2" headgate history --offline
    printf '[alembic]\nscript_location = db/\xff\xfe\n' > "$ini"
    refused "$ini" "2" headgate history --offline
}

@test "a revision file: a FIFO, a symlink loop" {
    rm "$REVISION"
    mkfifo "$REVISION"
    refused "$REVISION" "1 2 3" headgate history --offline
    rm "$REVISION"
    ln -s "$(basename "$REVISION")" "$REVISION"
    refused "$REVISION" "1 2 3" headgate history --offline
}

@test "a revision file: a line of 10 MB inside a string is read" {
    { echo '"""a long one'; big_line; echo '"""'; cat "$REVISION"; } > new.py
    mv new.py "$REVISION"
    run --separate-stderr timeout 20 headgate history --offline --format json
    expect_status 0
    [ "$(json '.revisions | length')" = 3 ]
}

@test "a revision file: NUL bytes, invalid UTF-8, 100,000 open brackets" {
    cp "$REVISION" good.py
    { cat good.py; printf 'x = "\0"\n'; } > "$REVISION"
    refused "$REVISION" "1 2 3" headgate history --offline --no-python
    { cat good.py; printf 'x = "\xff\xfe"\n'; } > "$REVISION"
    refused "$REVISION" "1 2 3" headgate history --offline --no-python
    { head -c 100000 /dev/zero | tr '\0' '('; echo; cat good.py; } > "$REVISION"
    refused "$REVISION" "1 2 3" headgate history --offline --no-python
}

@test "headgate.yaml: a directory, a FIFO, a symlink loop" {
    each_unreadable "$PWD/headgate.yaml" "2" headgate status -c headgate.yaml
}

@test "headgate.yaml: 10 MB, NUL bytes, invalid UTF-8, deep nesting, an alias bomb" {
    { printf 'version: '; big_line; echo; } > headgate.yaml
    refused headgate.yaml "2" headgate status
    printf 'version: 1\0\n' > headgate.yaml
    refused headgate.yaml "2" headgate status
    printf 'version: \xff\xfe\n' > headgate.yaml
    refused headgate.yaml "2" headgate status
    head -c 100000 /dev/zero | tr '\0' '[' > headgate.yaml
    refused headgate.yaml "2" headgate status
    {
        echo 'a: &a [x,x,x,x,x,x,x,x,x]'
        previous=a
        for name in b c d e f g h i; do
            echo "$name: &$name [*$previous,*$previous,*$previous,*$previous,*$previous,*$previous]"
            previous=$name
        done
    } > headgate.yaml
    refused headgate.yaml "2" headgate status
}

@test ".env: a directory, a FIFO, a symlink loop" {
    each_unreadable "$PWD/x.env" "125" headgate env --from dotenv:x.env -- true
}

@test ".env: a line of 10 MB, NUL bytes, invalid UTF-8" {
    { printf 'A='; big_line; echo; } > x.env
    refused x.env "125" headgate env --from dotenv:x.env -- true
    printf 'A=b\0c\n' > x.env
    refused x.env "125" headgate env --from dotenv:x.env -- true
    printf 'A=\xff\xfe\n' > x.env
    refused x.env "125" headgate env --from dotenv:x.env -- true
}

@test "files without permission are named" {
    [ "$(id -u)" = 0 ] || fail "this test gives up root's rights and needs them first"
    open=$(mktemp -d /tmp/hgt-XXXXXX)
    cp -R . "$open/p"
    cp "$HGT_BUILD"/headgate* "$open/"
    chmod -R a+rX "$open"
    nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups -- env HOME=/)
    chmod 000 "$open/p/backend/alembic.ini"
    refused alembic.ini "2 3" "${nobody[@]}" "$open/headgate" history --offline -C "$open/p"
    chmod 644 "$open/p/backend/alembic.ini"
    chmod 000 "$open/p/$REVISION"
    refused "$REVISION" "2 3" "${nobody[@]}" "$open/headgate" history --offline -C "$open/p"
    rm -rf "$open"
}

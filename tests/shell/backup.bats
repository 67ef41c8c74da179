# Dumps and restores, against an engine of files: a dump is whole or not there; a restore that fails changes nothing.

load fake/kit

one_table() {
  fresh
  echo 1 >"$FAKE/tables"
  activated "$1" one
  : >"$FAKE/sql"
}

dumps() { ls -A "$FAKE_PATH/backups" 2>/dev/null | grep -c '\.dump$' || true; }

# ordered SHELL TASK ORDER...: as a workstation orders it, under the lock.
ordered() {
  local shell=$1 task=$2
  shift 2
  { parameters && cat "$FAKE/bundle" && sleep 1 && printf '%s\n' "$*"; } | as "$shell" -s hold "$task"
}

@test "a backup: the file is private, its checksum and its release are beside it" {
  for shell in $SHELLS; do
    one_table "$shell"
    run host "$shell" backup
    echo "$shell $output"
    [ "$status" = 0 ]
    [[ $output == *'backup='*-one.dump* && $output == *tables=1* ]]
    file=$(ls "$FAKE_PATH"/backups/*.dump)
    [ "$(stat -c %a "$file")" = 600 ]
    [ "$(stat -c %a "$FAKE_PATH/backups")" = 700 ]
    grep -qx "sha256=$(sha256sum <"$file" | sed 's/ .*//')" "${file%.dump}.facts"
    grep -qx release=one "${file%.dump}.facts"
    run host "$shell" backups
    [[ $output == *"backup=${file##*/} "* ]]
  done
}

@test "no backup: the dump fails, or lists other tables; nothing is left, and the reason is said" {
  for shell in $SHELLS; do
    one_table "$shell"
    echo dump >"$FAKE/faults"
    run host "$shell" backup
    echo "$shell $output"
    [ "$status" = 1 ]
    [[ $output == *'pg_dump: error: no space'*'next: '* ]]
    rm "$FAKE/faults"
    echo 2 >"$FAKE/tables"
    run host "$shell" backup
    echo "$shell $output"
    [ "$status" = 1 ]
    [[ $output == *'lists 1 tables, the database has 2'* ]]
    [ "$(dumps)" = 0 ]
    [ -z "$(ls -A "$FAKE_PATH/backups")" ]
  done
}

@test "a restore fills a database of its own, then both change names" {
  for shell in $SHELLS; do
    one_table "$shell"
    host "$shell" backup
    name=$(basename "$FAKE_PATH"/backups/*.dump)
    run ordered "$shell" restore restore "$name"
    echo "$shell $output"
    [ "$status" = 0 ]
    [[ $output == *"restored=$name"*'kept=app_before_'* ]]
    grep -q 'create database "app_restored" template template0 owner "apiuser"' "$FAKE/sql"
    grep -q 'begin; do \$\$' "$FAKE/sql"
    grep -q 'alter database "app" rename to "app_before_[0-9_]*"; alter database "app_restored" rename to "app"; commit' "$FAKE/sql"
    [ ! -e "$FAKE_PATH/restoring" ]
    [ ! -e "$FAKE/lock-leaks" ]
  done
}

@test "a restore that cannot be: a changed file, one that is not there, a dump that fails, a rename that fails" {
  for shell in $SHELLS; do
    one_table "$shell"
    host "$shell" backup
    name=$(basename "$FAKE_PATH"/backups/*.dump)
    run ordered "$shell" restore restore none.dump
    [ "$status" = 2 ]
    [[ $output == *'no backup none.dump'* ]]
    for fault in restore rename; do
      echo $fault >"$FAKE/faults"
      run ordered "$shell" restore restore "$name"
      echo "$shell $fault $output"
      [ "$status" = 1 ]
      [[ $output == *'the database is as it was'* ]]
      tail -n 1 "$FAKE/sql" | grep -q 'drop database if exists "app_restored"'
    done
    rm "$FAKE/faults"
    : >"$FAKE/sql"
    echo more >>"$FAKE_PATH/backups/$name"
    run ordered "$shell" restore restore "$name"
    [ "$status" = 1 ]
    [[ $output == *'SHA-256 differs'* ]]
    never grep -q 'create database' "$FAKE/sql"
  done
}

@test "too little space, another database's dump, a name that PostgreSQL would cut: refused before anything is made" {
  for shell in $SHELLS; do
    one_table "$shell"
    host "$shell" backup
    name=$(basename "$FAKE_PATH"/backups/*.dump)
    : >"$FAKE/sql"
    echo 99999999999999 >"$FAKE/database-size"
    run host "$shell" backup
    echo "$shell $output"
    [ "$status" = 1 ]
    [[ $output == *'too little space for a dump'*'next: fab -H HOST prune'* ]]
    [ "$(dumps)" = 1 ]
    rm "$FAKE/database-size"
    sed -i 's/^database=.*/database=other/' "$FAKE_PATH/backups/${name%.dump}.facts"
    run ordered "$shell" restore restore "$name"
    [ "$status" = 1 ]
    [[ $output == *'is of database other, this host has app'* ]]
    never grep 'create database' "$FAKE/sql"
    never grep 'drop database' "$FAKE/sql"
  done
}

@test "a dump that cannot be kept is no dump, and no migration runs" {
  for shell in $SHELLS; do
    one_table "$shell"
    run within "$shell" 'backup_facts_write() { return 1; }; backup'
    echo "$shell $output"
    [ "$status" = 1 ]
    [[ $output == *'could not be kept'*'next: '* ]]
    [ -z "$(ls -A "$FAKE_PATH/backups")" ]
  done
}

@test "what restores have kept goes when it is told to" {
  for shell in $SHELLS; do
    one_table "$shell"
    echo app_before_20260101_000000 >"$FAKE/kept"
    run ordered "$shell" restore restore-forget
    echo "$shell $output"
    [ "$status" = 0 ]
    [[ $output == *removed=app_before_20260101_000000* ]]
    grep -q 'drop database "app_before_20260101_000000"' "$FAKE/sql"
    never grep -q 'the workstation ended' "$LOGS"/*-restore-*.log
    echo psql >"$FAKE/faults"
    run ordered "$shell" restore restore-forget
    [ "$status" = 1 ]
    [[ $output == *'does not say what earlier restores have left'*'next: '* ]]
  done
}

@test "a migration that was begun and never ended: no deployment before somebody says what it is" {
  for shell in $SHELLS; do
    one_table "$shell"
    echo 20260101_half | tee "$FAKE/stuck" >"$FAKE/migrations"
    pushed two two
    run host "$shell" activate two
    echo "$shell $output"
    [ "$status" = 1 ]
    [[ $output == *20260101_half*'never ended'*'next: '*'resolve-migration 20260101_half --rolled-back'* ]]
    [ "$(serving)" = blue ]
    echo 1 >"$FAKE/stuck"
    for way in rolled-back applied; do
      : >"$FAKE/sql"
      run ordered "$shell" resolve-migration resolve-migration 20260101_half $way
      echo "$shell $way $output"
      [ "$status" = 0 ]
      [[ $output == *"resolved=20260101_half $way"* ]]
      grep -q 'set rolled_back_at = now()' "$FAKE/sql"
      [ "$(grep -c 'insert into _prisma_migrations' "$FAKE/sql")" = "$([ $way = applied ] && echo 1 || echo 0)" ]
    done
    rm "$FAKE/stuck"
    run ordered "$shell" resolve-migration resolve-migration 20260101_half applied
    [ "$status" = 1 ]
    [[ $output == *'was begun here'* ]]
    run ordered "$shell" resolve-migration resolve-migration "x'; drop" applied
    [ "$status" = 2 ]
  done
}

@test "resolve-migration waits for its statement: while one runs it is refused, with how to end it" {
  for shell in $SHELLS; do
    one_table "$shell"
    echo 1 >"$FAKE/stuck"
    echo '77, for 3 s: alter table things' >"$FAKE/running"
    run ordered "$shell" resolve-migration resolve-migration 20260101_half rolled-back
    echo "$shell $output"
    [ "$status" = 1 ]
    [[ $output == *'still runs in the database (77, for 3 s: alter table things)'*'pg_terminate_backend(77)'* ]]
    never grep -q 'set rolled_back_at' "$FAKE/sql"
    rm "$FAKE/running"
    ordered "$shell" resolve-migration resolve-migration 20260101_half rolled-back
    grep -q 'set rolled_back_at' "$FAKE/sql"
  done
}

@test "prune by order: failed releases and old dumps of migrations go; what serves, what served, and backups by hand stay" {
  for shell in $SHELLS; do
    fresh
    export KEEP=2
    echo 1 >"$FAKE/tables"
    activated "$shell" one
    host "$shell" backup
    for name in two three four; do
      pushed $name $name
      host "$shell" activate $name
      sleep 1
    done
    pushed bad
    sed -i s/pending/failed/ "$FAKE_PATH/releases/bad.state"
    run host "$shell" prune
    unset KEEP
    echo "$shell $output"
    [ "$status" = 0 ]
    [[ $output == *'removed=release bad'* ]]
    [ -d "$FAKE_PATH/releases/four" ]
    [ -d "$FAKE_PATH/releases/three" ]
    [ ! -e "$FAKE_PATH/releases/bad" ]
    [ "$(grep -l '^before=.' "$FAKE_PATH"/backups/*.facts | wc -l)" = 2 ]
    [ "$(grep -l '^before=$' "$FAKE_PATH"/backups/*.facts | wc -l)" = 1 ]
  done
}

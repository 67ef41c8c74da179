# What the facts say of the database: which migrations it has, asked from itself.

load fake/kit

@test "the database's own answer: none yet, no table, applied and begun, not running, not readable" {
  for shell in $SHELLS; do
    fresh
    run host "$shell" facts
    echo "$shell $output"
    grep -qx migrations=none <<<"$output"
    activated "$shell" one
    run host "$shell" facts
    grep -qx migrations=absent <<<"$output"
    printf 'a\nb\n' >"$FAKE/migrations"
    echo c >"$FAKE/stuck"
    echo 4 >"$FAKE/tables"
    pushed two a,b,c
    run host "$shell" facts
    echo "$shell $output"
    grep -qx migrations=read <<<"$output"
    [ "$(grep -x -e 'migration\..*' <<<"$output" | tr '\n' ' ')" = 'migration.applied=a migration.applied=b migration.begun=c ' ]
    grep -qx database.tables=4 <<<"$output"
    grep -qx database.size=8000000 <<<"$output"
    grep -qx 'release_migrations=two a,b,c' <<<"$output"
    echo unread >"$FAKE/faults"
    run host "$shell" facts
    echo "$shell $output"
    grep -qx migrations=unread <<<"$output"
    grep -qx 'migrations.why=ERROR: cannot be read' <<<"$output"
    rm "$FAKE/faults" "$FAKE/containers/platform-database"
    run host "$shell" facts
    grep -qx migrations=unread <<<"$output"
    grep -qx 'migrations.why=the database does not run' <<<"$output"
  done
}

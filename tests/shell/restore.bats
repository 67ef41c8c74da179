# A restore that is cut off: whatever it was doing, the next task finishes or undoes it, and the database of the right name is there.

load fake/kit

# killed_at N before|after: the engine's N-th call is the last that its process group makes. Calls of the part that ends sessions are
# not counted: how many there are depends on the moment.
killed_at() {
  [ -e "$FAKE/bin/engine" ] || mv "$FAKE/bin/docker" "$FAKE/bin/engine"
  rm -f "$FAKE/count" "$FAKE/killed"
  cat >"$FAKE/bin/docker" <<END
#!/bin/sh
case "\$*" in *'pg_terminate_backend(pid) from pg_stat_activity where datname'*) exec "$FAKE/bin/engine" "\$@" ;; esac
echo x >>"$FAKE/count"
n=\$(grep -c x "$FAKE/count")
kill_here() {
  [ "\$n" = $1 ] && [ "\$1" = $2 ] || return 0
  : >"$FAKE/killed"
  kill -9 0
}
kill_here before
code=0
"$FAKE/bin/engine" "\$@" || code=\$?
kill_here after
exit "\$code"
END
  chmod +x "$FAKE/bin/docker"
}

# whole: the database of the right name, nothing half, no journal.
whole() {
  [ -e "$FAKE/databases/app" ] || { echo 'app is gone' && return 1; }
  [ ! -e "$FAKE/databases/app_restored" ] || { echo 'app_restored is left' && return 1; }
  [ ! -e "$FAKE_PATH/restoring" ] || { echo 'the journal is left' && return 1; }
}

@test "a restore that is killed before or after any call of the engine" {
  # Red with: restoring_write after restore_fill, or restoring_remove before restore_swap.
  fresh
  echo 1 >"$FAKE/tables"
  activated dash one
  host dash backup
  name=$(basename "$FAKE_PATH"/backups/*.dump)
  mkdir "$FAKE/databases" && : >"$FAKE/databases/app"
  cp -a "$FAKE" "$BATS_TEST_TMPDIR/base"
  finished=0 undone=0
  for when in before after; do
    n=0
    while :; do
      n=$((n + 1))
      rm -rf "$FAKE" && cp -a "$BATS_TEST_TMPDIR/base" "$FAKE"
      killed_at $n $when
      setsid -w bash -c "$(declare -f host as parameters); host dash restore $name" >"$FAKE/out" 2>&1 || true
      [ -e "$FAKE/killed" ] || break
      [ -e "$FAKE/databases/app" ]
      killed_at 0 never
      run host dash prune
      [ "$status" = 0 ]
      whole || { echo "killed $when call $n: $(cat "$FAKE/out") $output" && return 1; }
      case $output in
      *'recovered=finished restore'*) finished=$((finished + 1)) && ls "$FAKE/databases" | grep app_before ;;
      *'recovered=undone restore'*) undone=$((undone + 1)) && [ "$(ls "$FAKE/databases")" = app ] ;;
      esac
    done
    whole
    [ $n -gt 8 ]
  done
  echo "# finished $finished, undone $undone" >&3
  [ $finished -ge 1 ]
  [ $undone -ge 6 ]
}

@test "a restore that was cut off while the database is down stays for the next task" {
  fresh
  activated dash one
  mkdir "$FAKE/databases" && touch "$FAKE/databases/app" "$FAKE/databases/app_restored"
  printf 'schema=1\nbackup=x.dump\nnew=app_restored\nold=app_before_1\noperator=me\nstarted=t\n' >"$FAKE_PATH/restoring"
  mv "$FAKE/containers/platform-database" "$FAKE/aside"
  run host dash prune
  echo "$output"
  [[ $output == *'a restore was cut off: backup x.dump, of me'*'the next task tries again'* ]]
  [ -e "$FAKE_PATH/restoring" ]
  mv "$FAKE/aside" "$FAKE/containers/platform-database"
  run host dash prune
  [[ $output == *'undone: app is as it was'* ]]
  whole
}

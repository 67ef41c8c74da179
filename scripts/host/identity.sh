# What must never change silently, because it would give an empty or a damaged database.
#
# Parameters: APP_NAME, POSTGRES_DB, POSTGRES_USER, API_USER_UID, API_USER_GID, DATA_VOLUME, DATA_PATH, DEPLOYMENT_PATH.
# Output:     facts identity.KEY.
# Exit codes: a function returns 1, with the reason said.

identity_lines() {
  cat <<END
schema=1
app=$APP_NAME
database=$POSTGRES_DB
role=$POSTGRES_USER
uid=$API_USER_UID
gid=$API_USER_GID
data_volume=$DATA_VOLUME
data_path=${DATA_PATH:-}
END
}

identity_check() {
  [ -f "$DEPLOYMENT_PATH/identity" ] || return 0
  identity_faults=$(identity_lines | while IFS='=' read -r identity_key identity_wanted; do
    identity_found=$(value_of "$DEPLOYMENT_PATH/identity" "$identity_key")
    [ "$identity_found" = "$identity_wanted" ] || printf ' %s (here %s, asked for %s)' "$identity_key" "$identity_found" "$identity_wanted"
  done)
  [ -n "$identity_faults" ] || return 0
  FAILED_SERVICE=database FAILED_REASON="this host's database has another identity:$identity_faults"
  say "$FAILED_REASON"
  say "  next: set the old value again; or back up, then remove $DEPLOYMENT_PATH/identity and restore into the new database"
  return 1
}

# stray_check: a slot that runs and is not of this directory belongs to another one: DEPLOYMENT_PATH was changed. Ends with
# exit code 1, before anything of it could be taken for ours and removed.
stray_check() {
  [ ! -f "$DEPLOYMENT_PATH/active" ] && ! is_journal && command -v docker >/dev/null 2>&1 || return 0
  stray_found=$(engine ps --filter "label=app=$APP_NAME" --filter label=release --format '{{.Label "release"}}' 2>/dev/null | head -n 1)
  [ -z "$stray_found" ] || refuse 1 "$APP_NAME ($stray_found) runs here already, deployed to another directory than $DEPLOYMENT_PATH" \
    "set DEPLOYMENT_PATH back; to move, fab down with the old one first, then move the directory"
}

# identity_write CONTAINER: once; with the server's major version and C library, as they stand in the cluster.
identity_write() {
  [ ! -f "$DEPLOYMENT_PATH/identity" ] || return 0
  # shellcheck disable=SC2016 # the container's variable
  identity_server=$(engine exec "$1" sh -c 'cat "$PGDATA/deployment.identity"') || return 1
  {
    identity_lines
    printf '%s\n' "$identity_server" | sed -n -e 's/^major=/postgres_major=/p' -e 's/^flavour=/postgres_flavour=/p'
  } | replace "$DEPLOYMENT_PATH/identity"
}

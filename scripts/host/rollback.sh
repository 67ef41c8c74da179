# Go back to an earlier release: choose it, see that all of it is still here, then activate it like any other.
#
# Images, compose files, .env and the edge's configuration come back together. Data is never touched, and the database's
# container stays whatever the earlier release asked of it (platform.sh).
#
# Parameters: DEPLOYMENT_PATH, APP_NAME. Argument: [RELEASE], else the one that served before.
# Output:     rollback=RELEASE; dump=FILE, the newest dump of the data as that release knew it; then the activation's.
# Exit codes: 1 nothing to go back to, or it is incomplete, and nothing was changed; else the activation's.

# rollback [RELEASE]: under the lock.
rollback() {
  TASK=rollback
  rollback_from=$(active_value release)
  rollback_to=${1:-$(active_value previous)}
  [ -n "$rollback_to" ] || rollback_to=$(served_last "$rollback_from")
  rollback_choice 9>&-
  rollback_preflight "$rollback_to" 9>&-
  fact rollback "$rollback_to"
  rollback_dump 9>&-
  activate "$rollback_to"
}

# restart: the release that serves, anew, in the other slot.
restart() {
  TASK=restart
  [ "$(served_slot)" != none ] || refuse 1 "nothing serves here" "fab -H HOST up"
  activate "$(active_value release)"
}

# Whether there is something to go back from, and a release that has served to go back to.
rollback_choice() {
  if [ "$(served_slot)" = none ] || [ -z "$rollback_from" ]; then
    refuse 1 "nothing serves here, so there is nothing to go back from" "fab -H HOST up brings up what is here; fab -H HOST deploy what is in the checkout"
  fi
  [ -n "$rollback_to" ] ||
    refuse 1 "no release served here before $rollback_from" "fab -H HOST deploy, with the checkout as it should be"
  is_release_name "$rollback_to" || refuse 2 "not a release name: $rollback_to"
  [ "$rollback_to" != "$rollback_from" ] ||
    refuse 1 "release $rollback_to is the one that serves" "fab -H HOST restart starts it anew; fab -H HOST status lists the others"
  [ -d "$(release_path "$rollback_to")" ] ||
    refuse 1 "release $rollback_to is not on this host (KEEP_RELEASES are kept)" "fab -H HOST status lists those that are"
  case $(state_value "$rollback_to" status) in
  retired | rolled_back | active) ;;
  *) refuse 1 "release $rollback_to has never served here (it is $(state_value "$rollback_to" status))" "fab -H HOST up --release $rollback_to tries it" ;;
  esac
}

# rollback_preflight RELEASE: everything that it needs, each fault named, before anything is changed.
rollback_preflight() {
  rollback_missing=
  is_release_whole "$1" || rollback_missing=" its files (SHA256SUMS or their modes do not match);"
  for rollback_service in frontend backend database edge; do
    rollback_image=$(release_value "$1" "image.$rollback_service")
    [ "$(image_layers "$rollback_image")" = "$(release_value "$1" "layers.$rollback_service")" ] ||
      rollback_missing="$rollback_missing the image $rollback_image;"
  done
  [ -z "$rollback_missing" ] ||
    refuse 1 "release $1 is not complete any more:$rollback_missing nothing was changed" "fab -H HOST status lists other releases, for rollback --to"
  rollback_data "$1"
}

# rollback_data RELEASE: the container that runs would stay, but after `down` and `up` none would start.
rollback_data() {
  ! fits_data "$1" || return 0
  rollback_file=$(backup_during "$1")
  rollback_file=${rollback_file##*/}
  refuse 1 "release $1 is of PostgreSQL $FIT_IMAGE, the data here is of PostgreSQL $FIT_DATA: a rollback never changes data; nothing was changed" \
    "for its application on this data: fab -H HOST deploy of its sources, with POSTGRES_IMAGE as it is now
to have the data of then too (what was written since is then in the backup alone): fab -H HOST backup, fab -H HOST down --volumes --yes, fab -H HOST up --release $1, fab -H HOST restore --backup ${rollback_file:-NAME} --yes${rollback_file:+, the newest dump made while it served}"
}

# rollback_dump: the newest dump that was made before the release that serves changed the schema.
rollback_dump() {
  rollback_file=$(backup_before "$rollback_from")
  [ -z "$rollback_file" ] || {
    fact dump "$rollback_file"
    say "the data stays as it is; as it was before $rollback_from changed the schema: fab -H HOST restore --backup ${rollback_file##*/} --yes"
  }
}

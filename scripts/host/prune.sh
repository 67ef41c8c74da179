# Forget releases beyond KEEP_RELEASES: directories, states, release tags, and content tags that no kept release names.
# Never what is active, previous, or being activated; the release that has just failed stays for a look, and is not counted.
# Also logs beyond the newest 200 with their reports, dumps before migrations beyond the newest KEEP_RELEASES, and assets that no
# release kept has. An image that a container still uses (the database is not changed by a rollback) is remembered in cache/images.
#
# Parameters: KEEP_RELEASES, APP_NAME, DEPLOYMENT_PATH.
# Output:     removed=WHAT (repeated), when a person asked for it.
# Exit codes: 0; what cannot be removed now is tried again next time.

prune() {
  prune_logs
  backups_prune
  prune_gone=$(prune_victims)
  [ -z "$prune_gone" ] && [ ! -s "$(prune_used)" ] || prune_releases
  assets_prune
}

# prune_used: the file with the content names that were still used when their last release went.
prune_used() { printf '%s/cache/images\n' "$DEPLOYMENT_PATH"; }

prune_releases() {
  engine_answers || {
    warn "Docker does not answer: no release is forgotten while its images cannot go with it"
    return 0
  }
  prune_named=$(for prune_release in $prune_gone; do prune_content "$prune_release"; done | sort -u)
  for prune_release in $prune_gone; do
    prune_tags "$prune_release"
  done
  prune_images
  for prune_release in $prune_gone; do
    prune_forget "$prune_release"
    removed "release $prune_release"
  done
}

# prune_forget RELEASE: last, when nothing of it is left elsewhere: what is cut off is done again. Its directory is there whole or
# not at all.
prune_forget() {
  prune_part=$DEPLOYMENT_PATH/releases/.$1.part
  mv -T "$(release_path "$1")" "$prune_part"
  rm -rf "$(state_path "$1")" "$prune_part"
}

# prune_failed_too: a person wants the space.
prune_failed_too() {
  engine_answers || refuse 1 "Docker does not answer: nothing was removed" "systemctl start docker on the host; fab -H HOST doctor"
  J_RELEASE='' PRUNE_FAILED=yes
  trial_remove
  prune
}

# removed WHAT: a result for whoever asked; during an activation, whose standard output is its log, a detail.
removed() { if [ "${COMMITTED:-}" ]; then detail "removed: $1"; else fact removed "$1"; fi; }

prune_logs() {
  # shellcheck disable=SC2012 # our own names, and nobody else's log
  ls -t "$LOG_PATH"/*[0-9]T[0-9]*Z-*-*.log "$DEPLOYMENT_PATH"/logs/*.log 2>/dev/null | tail -n +201 | while IFS= read -r prune_log; do
    rm -f "$prune_log" "${prune_log%.log}.failure" "${prune_log%.log}.output" && removed "$prune_log"
  done
}

# prune_content RELEASE: the content names of its images.
prune_content() { sed -n 's/^image\.[a-z]*=//p' "$(release_path "$1")/release.facts" 2>/dev/null || true; }

# prune_order: CLASS KEY NAME of every release that counts, first to go first. Those that were activated and those that only
# wait (class 1) are counted apart: a push must not cost a way back, nor an activation what somebody has just pushed.
prune_order() {
  for prune_name in $(release_names); do
    prune_seq=$(state_value "$prune_name" seq)
    case $(state_value "$prune_name" status) in
    failed) [ "$prune_name" = "${J_RELEASE:-}" ] || printf '0 %s %s\n' "${prune_seq:-0}" "$prune_name" ;;
    pending | '') printf '1 %s %s\n' "$(stat -c %Y "$(release_path "$prune_name")")" "$prune_name" ;;
    *) printf '2 %s %s\n' "${prune_seq:-0}" "$prune_name" ;;
    esac
  done | sort -k1,1n -k2,2n
}

prune_victims() {
  prune_all=$(prune_order)
  if [ "${PRUNE_FAILED:-no}" = yes ]; then
    printf '%s\n' "$prune_all" | sed -n 's/^0 [0-9]* //p'
    prune_all=$(printf '%s\n' "$prune_all" | sed '/^0 /d')
  fi
  printf '%s\n' "$prune_all" | sed '/^1 /d' | prune_beyond
  printf '%s\n' "$prune_all" | sed -n '/^1 /p' | prune_beyond
}

# prune_beyond: of the lines on standard input, the names beyond KEEP_RELEASES, but for those that are in use.
prune_beyond() {
  prune_lines=$(sed -n 's/^[0-9] [0-9]* //p')
  prune_count=$(printf '%s' "$prune_lines" | grep -c .) || return 0
  prune_active=$(active_value release) prune_previous=$(active_value previous)
  printf '%s\n' "$prune_lines" | while IFS= read -r prune_name; do
    [ "$prune_count" -gt "$KEEP_RELEASES" ] || break
    case $prune_name in "$prune_active" | "$prune_previous" | "${J_RELEASE:-}") continue ;; esac
    printf '%s\n' "$prune_name"
    prune_count=$((prune_count - 1))
  done
}

prune_tags() {
  engine images --filter "reference=$APP_NAME/*:$1" --format '{{.Repository}}:{{.Tag}}' | while IFS= read -r prune_tag; do
    engine rmi "$prune_tag" >/dev/null 2>&1 || true
  done
}

# prune_remember: nothing to remember is no file. Without room for it more is freed all the same.
prune_remember() {
  if [ -n "$prune_stay" ]; then
    # shellcheck disable=SC2086 # a name a line
    ensure_directory "$DEPLOYMENT_PATH/cache" 0750 && printf '%s\n' $prune_stay | sort -u | replace "$(prune_used)" || :
  else
    rm -f "$(prune_used)"
  fi
}

# prune_images: content names that only forgotten releases had, and what has lost its last name. The engine refuses what a
# container uses.
prune_images() {
  prune_kept=$(for prune_name in $(release_names); do
    printf '%s\n' "$prune_gone" | grep -qxF -e "$prune_name" || prune_content "$prune_name"
  done)
  prune_stay=''
  for prune_tag in $({ cat "$(prune_used)" 2>/dev/null || :; } && printf '%s\n' "$prune_named"); do
    printf '%s\n' "$prune_kept" | grep -qxF -e "$prune_tag" && continue
    engine rmi "$prune_tag" >/dev/null 2>&1 || [ -z "$(image_layers "$prune_tag")" ] || prune_stay="$prune_stay $prune_tag"
  done
  prune_remember
  prune_dangling=$(engine images -q --filter dangling=true --filter "label=app=$APP_NAME")
  # shellcheck disable=SC2086 # one argument an id
  [ -z "$prune_dangling" ] || engine rmi $prune_dangling >/dev/null 2>&1 || true
}

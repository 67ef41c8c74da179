# Hashed assets of the releases kept, in one volume: a page that was loaded before a switch still finds its files.
#
# cache/assets/ID: a list of the assets of frontend image ID, which are in the volume.
# Parameters: DEPLOYMENT_PATH, APP_NAME, ASSETS_VOLUME; ASSETS_FRESH from volumes.sh.
# Output:     removed=WHAT, from assets_prune.
# Exit codes: assets_fill returns 1, with `blame` (failure.sh); what assets_prune cannot remove now goes next time.

assets_list() { printf '%s\n' "$DEPLOYMENT_PATH/cache/assets/${1##*:}"; }

# assets_fill RELEASE SLOT: its own beside those of the other releases; once a frontend image.
assets_fill() {
  assets_lists=$DEPLOYMENT_PATH/cache/assets
  [ "${ASSETS_FRESH:-no}" = no ] && [ -d "$assets_lists" ] || rm -rf "$assets_lists"
  assets_list=$(assets_list "$(release_value "$1" image.frontend)")
  [ ! -f "$assets_list" ] || return 0
  ensure_directory "$DEPLOYMENT_PATH/cache" 0750 && ensure_directory "$assets_lists" 0750 || return 1
  told assets assets_copy "$1" "$2" "$assets_list"
}

assets_copy() {
  assets_names=$(compose_slot "$1" "$2" --profile assets run --rm --no-deps -T assets) && printf '%s\n' "$assets_names" | replace "$3"
}

# assets_prune: what no release kept has a list of. Nothing goes while a release that was activated has no list: it may be open
# in somebody's browser.
assets_prune() {
  assets_keep='' assets_gone=''
  for assets_release in $(release_names); do
    assets_list=$(assets_list "$(release_value "$assets_release" image.frontend)")
    if [ -f "$assets_list" ]; then
      assets_keep="$assets_keep ${assets_list##*/}"
    elif [ -n "$(state_value "$assets_release" seq)" ]; then
      return 0
    fi
  done
  for assets_list in "$DEPLOYMENT_PATH"/cache/assets/*; do
    case "$assets_keep " in *" ${assets_list##*/} "* | *' * '*) ;; *) [ ! -f "$assets_list" ] || assets_gone="$assets_gone ${assets_list##*/}" ;; esac
  done
  [ -z "$assets_keep" ] || [ -z "$assets_gone" ] || assets_drop
}

# assets_drop: by the image of what is served, which has the way to do it; lists go last, so that what is cut off is done again.
assets_drop() {
  # shellcheck disable=SC2086 # names of ours
  assets_said=$(cd "$DEPLOYMENT_PATH/cache/assets" && sort -u $assets_keep | assets_remove_others 2>&1) || {
    detail "assets of releases that are gone: not removed now, the next prune tries again: $assets_said"
    return 0
  }
  # shellcheck disable=SC2086 # names of ours
  (cd "$DEPLOYMENT_PATH/cache/assets" && rm -f $assets_gone)
  case $assets_said in removed=[1-9]*) removed "${assets_said#removed=} assets of releases that are gone" ;; esac
}

# Its standard input names what stays.
assets_remove_others() {
  docker run --rm -i --pull never --network none --read-only --cap-drop ALL --security-opt no-new-privileges --tmpfs /tmp \
    --label "app=$APP_NAME" --label service=assets --label "slot=$(served_slot)" --mount "type=volume,source=$ASSETS_VOLUME,target=/srv/assets,volume-nocopy" --entrypoint copy-assets \
    "$(env_value "$(active_value release)" FRONTEND_IMAGE)" keep 9>&-
}

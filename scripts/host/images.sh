# Take images in, and believe only what is verified: the layers that the engine reports against those that were sent.
#
# `docker load` answers 0 to a missing base or a flipped bit on the containerd store, and leaves a tag. So its exit code decides
# nothing, and only a verified image gets its content name and its release tag.
#
# Parameters: IMAGES, lines of: SERVICE CONTENT_NAME RELEASE_TAG INCOMING_REF DIFF_ID,DIFF_ID...   (RELEASE_TAG may be -).
# Output:     `ready` before an archive is read; verified=SERVICE or mismatch=SERVICE; facts image=JSON.
# Exit codes: 0 all verified; 1 a mismatch.

image_layers() { engine image inspect --format '{{join .RootFS.Layers ","}}' "$1" 2>/dev/null || true; } # an image that is not there has none

# load: an archive as `docker load` takes it, on standard input.
images_load() {
  operation_join ship
  printf 'ready\n'
  load_code=0
  docker load >&2 9>&- || load_code=$?
  [ $load_code = 0 ] || say "docker load ended with exit code $load_code"
  images_verify load
}

# tag: the same for images that are here already, under their content name.
images_tag() {
  operation_join ship
  images_verify tag
}

# images_verify load|tag
images_verify() {
  images_bad=
  while read -r service content tag incoming layers; do
    [ -n "$service" ] || continue
    [ "$1" = load ] || incoming=$content
    image_verify "$service" "$content" "$tag" "$incoming" "$layers" || images_bad="$images_bad $service"
  done <<END
${IMAGES:-}
END
  [ -z "$images_bad" ] || {
    say "not whole, and not kept:$images_bad"
    return 1
  }
}

# image_verify SERVICE CONTENT_NAME RELEASE_TAG REFERENCE DIFF_IDS
image_verify() {
  if [ -z "$5" ] || [ "$(image_layers "$4")" != "$5" ]; then
    printf 'mismatch=%s\n' "$1"
    engine rmi "$4" >/dev/null 2>&1 || true # the mismatch is what counts
    return 1
  fi
  [ "$4" = "$2" ] || engine tag "$4" "$2" || return 1
  [ "$3" = - ] || [ "$3" = "$2" ] || engine tag "$4" "$3" || return 1
  [ "$4" = "$2" ] || [ "$4" = "$3" ] || engine rmi "$4" >/dev/null 2>&1 || true # a name too many harms nothing
  printf 'verified=%s\n' "$1"
  record "$1 is whole: $2"
}

# images_check RELEASE: all four of a release are here and whole. One call of the engine.
images_check() {
  images_wanted=$(images_of "$1")
  # shellcheck disable=SC2046 # one argument a name; names have no spaces
  images_found=$(engine image inspect --format '{{join .RootFS.Layers ","}}' \
    $(printf '%s\n' "$images_wanted" | sed 's/ .*//') 2>/dev/null) || images_found=
  [ "$images_found" = "$(printf '%s\n' "$images_wanted" | sed 's/.* //')" ] && return 0
  images_blame "$1"
}

# images_blame RELEASE: which one it is; slower, so only asked when one is.
images_blame() {
  for image_service in frontend backend database edge; do
    image_name=$(release_value "$1" "image.$image_service")
    [ "$(image_layers "$image_name")" = "$(release_value "$1" "layers.$image_service")" ] || break
  done
  blame "$image_service" "the image $image_name of release $1 is missing or not whole" "fab -H HOST ship-images"
}

# images_of RELEASE: CONTENT_NAME LAYERS, a line a service.
images_of() {
  for image_service in frontend backend database edge; do
    printf '%s %s\n' "$(release_value "$1" "image.$image_service")" "$(release_value "$1" "layers.$image_service")"
  done
}

image_facts() {
  image_ids=$(engine images -q --no-trunc --filter "label=app=$APP_NAME" 2>/dev/null | sort -u)
  [ -n "$image_ids" ] || return 0
  # shellcheck disable=SC2086 # one argument an id
  engine image inspect --format 'image={"id":{{json .ID}},"tags":{{json .RepoTags}},"layers":{{json .RootFS.Layers}},"labels":{{json .Config.Labels}},"arch":{{json .Architecture}},"size":{{json .Size}}}' \
    $image_ids 2>/dev/null || true # one that went meanwhile is left out
}

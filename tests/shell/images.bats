# Images: only what is verified gets its names, whatever `docker load` says.

load fake/kit

# load_images SHELL COMMAND LINES
load_images() {
  printf 'archive' >"$FAKE/archive"
  { parameters && printf "IMAGES='%s'\n" "$3" && cat "$FAKE/bundle" && sleep 0.5 && cat "$FAKE/archive"; } | as "$1" -s "$2"
}

@test "a whole image gets content name and release tag; the incoming name goes" {
  for shell in $SHELLS; do
    fresh
    echo sha256:a,sha256:b >"$FAKE/incoming/in+frontend"
    run load_images "$shell" load 'frontend app/frontend:c app/frontend:r in/frontend sha256:a,sha256:b
'
    [ "$status" = 0 ]
    [ "${lines[0]}" = ready ]
    [[ $output == *verified=frontend* ]]
    [ "$(cat "$FAKE/loaded")" = archive ]
    [ "$(ls "$FAKE/images" | tr '\n' ' ')" = "app+frontend:c app+frontend:r " ]
  done
}

@test "a mismatch, a load that fails, one that is silent: untagged, exit 1, the others are kept" {
  for shell in $SHELLS; do
    fresh
    echo sha256:a,sha256:b >"$FAKE/incoming/in+frontend"
    echo '' >"$FAKE/incoming/in+backend"
    run load_images "$shell" load 'frontend app/frontend:c app/frontend:r in/frontend sha256:a,sha256:b
backend app/backend:c app/backend:r in/backend sha256:a,sha256:x'
    [ "$status" = 1 ]
    [[ $output == *verified=frontend* && $output == *mismatch=backend* ]]
    [ "$(ls "$FAKE/images" | tr '\n' ' ')" = "app+frontend:c app+frontend:r " ]
    fresh
    echo load >"$FAKE/faults"
    run load_images "$shell" load 'frontend app/frontend:c app/frontend:r in/frontend sha256:a,sha256:b'
    [ "$status" = 1 ]
    [[ $output == *mismatch=frontend* ]]
    [ -z "$(ls "$FAKE/images")" ]
  done
}

@test "tag: verified by content name; a wrong one loses its name" {
  for shell in $SHELLS; do
    fresh
    echo sha256:a >"$FAKE/images/app+edge:c"
    echo sha256:b >"$FAKE/images/app+frontend:c"
    run load_images "$shell" tag 'edge app/edge:c app/edge:r - sha256:a
frontend app/frontend:c app/frontend:r - sha256:a'
    [ "$status" = 1 ]
    [[ $output == *verified=edge* && $output == *mismatch=frontend* ]]
    [ "$(ls "$FAKE/images" | tr '\n' ' ')" = "app+edge:c app+edge:r " ]
  done
}

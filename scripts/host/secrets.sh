# Give a slot the application's values that are files (APP_FILES): a volume of its own, with exactly those of its release.
#
# The volume is made anew for each activation and goes with the slot; a release without such files has none. It is filled by a
# one-shot of the backend's image, as the user who will read it: nobody else of the host could give files to that user.
#
# Parameters: APP_NAME, DEPLOYMENT_PATH, API_USER_UID, API_USER_GID; the release's app.files.tar.
# Output:     none.
# Exit codes: a function returns 1, with `blame` (failure.sh).

# Seconds that the engine may take for the one-shot.
SECRETS_PATIENCE=${SECRETS_PATIENCE:-60}

# secrets_fill RELEASE SLOT: after slot_remove, which has left none.
secrets_fill() {
  secrets_tar=$(release_path "$1")/app.files.tar
  [ -f "$secrets_tar" ] || return 0
  secrets_volume=${APP_NAME}_secrets_$2
  told backend engine volume create --label "app=$APP_NAME" --label "slot=$2" --label service=secrets "$secrets_volume" || return 1
  told backend secrets_unpack "$2" "$(env_value "$1" BACKEND_IMAGE)" "$secrets_volume" "$secrets_tar" || return 1
  detail "secrets: in the volume $secrets_volume"
}

# secrets_unpack SLOT IMAGE VOLUME TAR: the empty volume takes owner and mode from the image's directory.
secrets_unpack() {
  unpack_code=0
  timeout "$SECRETS_PATIENCE" docker run --rm -i --pull never --network none --read-only --cap-drop ALL --security-opt no-new-privileges \
    --pids-limit 64 --memory 256m --log-driver none --user "$API_USER_UID:$API_USER_GID" --label "app=$APP_NAME" --label service=secrets \
    --label "slot=$1" --mount "type=volume,source=$3,target=/run/secrets" --entrypoint tar "$2" -xf - -C /run/secrets <"$4" 9>&- || unpack_code=$?
  case $unpack_code in 124 | 143) printf 'the engine did not unpack the secrets within %s s\n' "$SECRETS_PATIENCE" ;; esac
  return "$unpack_code"
}

# secrets_remove SLOT: once its containers are gone.
secrets_remove() {
  secrets_volumes=$(engine volume ls -q --filter "label=app=$APP_NAME" --filter label=service=secrets --filter "label=slot=$1") || return 1
  # shellcheck disable=SC2086 # one argument a name
  [ -z "$secrets_volumes" ] || engine volume rm $secrets_volumes >/dev/null
}

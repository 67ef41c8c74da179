# Say whose database lies in the data volume, before anything is sent or started: as the cluster's own deployment.identity has it,
# else as the volume's labels have it.
#
# Only looks: root reads the file where it lies; who may not gets it by `docker cp` from the database's container, running or not.
#
# Parameters: APP_NAME, DATA_VOLUME, DATA_PATH; VOLUMES (volumes.sh).
# Output:     facts data.KEY: source (identity, labels, or other: a cluster that another image made), app, database, role, uid,
#             major, flavour; those that are known.
# Exit codes: none of its own.

data_facts() {
  : "${VOLUMES:=}" # nobody has asked where there is no engine
  data_neighbour
  DATA_LABELS='' data_directory=$DATA_PATH
  ! is_volume "$DATA_VOLUME" || data_volume_read
  [ -n "$data_directory$DATA_LABELS" ] || return 0
  if [ -r "$data_directory/cluster/deployment.identity" ]; then
    data_identity_facts "$(sed -n p "$data_directory/cluster/deployment.identity")"
  elif data_found=$(data_other "$data_directory"); then
    fact data.source other
    fact data.major "$data_found"
  elif data_found=$(data_copied); then
    data_identity_facts "$data_found"
  else
    printf '%s\n' "$DATA_LABELS" | sed -n 's/^\([a-z]*\)=\([^<].*\)/data.\1=\2/p'
  fi
}

# data_volume_read: sets DATA_LABELS and data_directory.
data_volume_read() {
  data_format='{{with .Labels}}' data_line='{{"\n"}}'
  for data_key in app database role uid major flavour; do
    data_format="$data_format$data_key={{index . \"$data_key\"}}$data_line"
  done
  data_said=$(engine_quietly volume inspect --format \
    "$data_format{{end}}directory={{if .Options}}{{index .Options \"device\"}}{{end}}${data_line}mountpoint={{.Mountpoint}}" "$DATA_VOLUME" 2>/dev/null) || return 0
  DATA_LABELS="source=labels
$(printf '%s\n' "$data_said" | sed -e '/^directory=/d' -e '/^mountpoint=/d')"
  data_directory=$(printf '%s\n' "$data_said" | sed -n 's/^directory=//p')
  [ -n "$data_directory" ] || data_directory=$(printf '%s\n' "$data_said" | sed -n 's/^mountpoint=//p')
}

# data_identity_facts TEXT
data_identity_facts() {
  fact data.source identity
  printf '%s\n' "$1" | sed -n -e 's/^user=/role=/' -e 's/^\(database\|role\|uid\|major\|flavour\)=/data.&/p'
}

# data_other DIRECTORY: the major version of a cluster that is not our image's; fails where there is none.
data_other() {
  for data_version in "$1/PG_VERSION" "$1/cluster/PG_VERSION"; do
    [ -r "$data_version" ] || continue
    head -n 1 "$data_version"
    return 0
  done
  return 1
}

# data_copied: for who may not read the volume.
data_copied() {
  [ "$OUR_UID" != 0 ] || return 1
  data_container=$(containers_of platform '{{.Label "service"}} {{.ID}}' 2>/dev/null | sed -n 's/^database //p' | head -n 1)
  [ -n "$data_container" ] || return 1
  data_archive=$(engine_quietly cp "$data_container:/var/lib/postgresql/data/cluster/deployment.identity" - 2>/dev/null | tar -xOf - 2>/dev/null)
  case $data_archive in *major=*) printf '%s\n' "$data_archive" ;; *) return 1 ;; esac
}

# data_neighbour: another application's data volume may be bound to our DATA_PATH.
data_neighbour() {
  [ -n "$DATA_PATH" ] || return 0
  for data_each in $(engine volume ls -q --filter label=app 2>/dev/null); do
    data_app=$(engine_quietly volume inspect --format '{{if .Options}}{{index .Options "device"}}{{end}} {{index .Labels "app"}}' "$data_each" 2>/dev/null) || continue
    [ "${data_app% *}" != "$DATA_PATH" ] || [ "${data_app##* }" = "$APP_NAME" ] || fact data.app "${data_app##* }"
  done
}

# data_labels RELEASE: for a data volume that is made now: whose database its image will make in it.
data_labels() {
  printf -- '--label database=%s --label role=%s --label uid=%s' "$POSTGRES_DB" "$POSTGRES_USER" "$API_USER_UID"
  data_server=$(image_server "$(env_value "$1" DATABASE_IMAGE)") || return 0
  printf -- ' --label major=%s --label flavour=%s' "${data_server% *}" "${data_server#* }"
}

# fits_data RELEASE: its database image can read the data that is here; sets FIT_IMAGE and FIT_DATA: MAJOR FLAVOUR.
fits_data() {
  FIT_DATA="$(value_of "$DEPLOYMENT_PATH/identity" postgres_major) $(value_of "$DEPLOYMENT_PATH/identity" postgres_flavour)"
  fit_name=$(release_value "$1" image.database)
  [ "$FIT_DATA" != ' ' ] && [ "$fit_name" != "$(release_value "$(active_value release)" image.database)" ] || return 0
  FIT_IMAGE=$(image_server "$fit_name") || FIT_IMAGE=unknown
  [ "$FIT_IMAGE" = "$FIT_DATA" ]
}

# image_server IMAGE: MAJOR FLAVOUR of the PostgreSQL in it.
image_server() {
  server_said=$(engine run --rm --pull never --network none --read-only --cap-drop ALL --label "app=$APP_NAME" --entrypoint /bin/sh \
    "$1" -c 'postgres --version | sed "s/^[^0-9]*\([0-9]*\).*/\1/"; ls /lib/ld-musl-* 2>/dev/null || :') || return 1
  printf '%s %s\n' "$(printf '%s\n' "$server_said" | head -n 1)" "$(server_flavour "$server_said")"
}

# server_flavour TEXT: the C library, from what an image says of itself.
server_flavour() { case $1 in *ld-musl*) echo musl ;; *) echo glibc ;; esac }

# Take in a release directory: whole and verified under a temporary name, then moved into place. Never edited afterwards.
#
# Parameters: DEPLOYMENT_PATH. Argument: RELEASE. Standard input, after `ready`: a tar of the directory's content.
# Output:     received=RELEASE, same=RELEASE (an identical one is here), or differs=RELEASE.
# Exit codes: 0 received or the same; 1 cut, damaged, incomplete, or another one is here under that name.

receive() {
  is_release_name "$1" || refuse 2 "not a release name: $1"
  deployment_path_make
  operation_join push
  ensure_directory "$DEPLOYMENT_PATH/releases" 0750
  # A name of its own: one that root was killed over is root's, and stays until root comes again (leftovers.sh).
  receive_part=$DEPLOYMENT_PATH/releases/.$1.$$.part
  rm -rf "$receive_part" 2>/dev/null || receive_part=$DEPLOYMENT_PATH/releases/.$1.$$.$(date +%s).part
  mkdir -m 0700 "$receive_part"
  trap 'rm -rf "$receive_part"' EXIT
  trap 'exit 1' HUP INT TERM PIPE
  printf 'ready\n'
  tar -xof - -C "$receive_part" 9>&- || refuse 1 "release $1 did not arrive whole (tar ended early)" "push it again"
  receive_verify "$receive_part" "$1"
  receive_place "$receive_part" "$1"
}

# receive_verify DIRECTORY RELEASE: every file is listed and right, nothing is missing, nothing is more.
receive_verify() {
  for receive_file in docker-compose.yml platform.yml .env app.env.json release.json release.facts bin/host.sh SHA256SUMS; do
    [ -f "$1/$receive_file" ] || refuse 1 "release $2 is incomplete: $receive_file is missing" "push it again"
  done
  (cd "$1" && sha256sum -c SHA256SUMS >/dev/null 2>&1) || refuse 1 "release $2 was damaged on its way: a checksum is wrong" "push it again"
  receive_files=$(cd "$1" && find . ! -type d ! -path ./SHA256SUMS | wc -l)
  [ "$((receive_files))" = "$(grep -c . "$1/SHA256SUMS")" ] || refuse 1 "release $2 has files that its SHA256SUMS does not list" "push it again"
  [ -z "$(find "$1" ! -type d ! -type f)" ] || refuse 1 "release $2 has something that is neither a file nor a directory"
  is_whole "$1" || refuse 1 "release $2 was damaged on its way: its SHA256SUMS has a line that is no checksum" "push it again"
}

# receive_place DIRECTORY RELEASE
receive_place() {
  receive_final=$(release_path "$2")
  if [ -d "$receive_final" ]; then
    if same_content "$1/SHA256SUMS" "$receive_final/SHA256SUMS" && is_release_whole "$2"; then
      fact same "$2"
      record "release $2 was here already, the same"
      return 0
    fi
    fact differs "$2"
    refuse 1 "another release is here under the name $2" "a new name, the tool chooses one"
  fi
  find "$1" -type d -exec chmod 0750 {} +
  find "$1" -type f -exec chmod 0640 {} +
  # shellcheck disable=SC2046 # names of ours
  (cd "$1" && chmod 0600 $(release_private .) release.json SHA256SUMS) # the last two have hashes over secrets
  chmod 0750 "$1/bin/host.sh"
  own "$1"
  [ -f "$(state_path "$2")" ] || state_write "$2" pending '' ''
  receive_flush "$1"
  mv -T "$1" "$receive_final"
  flush "$DEPLOYMENT_PATH/releases"
  trap - EXIT
  fact received "$2"
  record "release $2 is here"
}

receive_flush() { sync -f "$1" 2>/dev/null || sync; }

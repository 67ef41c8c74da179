# A release on this host: what it may be called, where it lies, and what its files say.
#
# Parameters: DEPLOYMENT_PATH.
# Output:     as named at each function.
# Exit codes: none of its own.

# is_release_name NAME: what a release may be called, so that it is safe in a path, a tag and an argument.
is_release_name() {
  case $1 in
  '' | [!A-Za-z0-9]* | *[!A-Za-z0-9_.-]*) return 1 ;;
  *) return 0 ;;
  esac
}

# release_names: of the releases that are here, one a line; what a person has put beside them under another kind of name is none.
release_names() {
  for names_directory in "$DEPLOYMENT_PATH"/releases/*/; do
    [ -d "$names_directory" ] || continue
    names_directory=${names_directory%/}
    ! is_release_name "${names_directory##*/}" || printf '%s\n' "${names_directory##*/}"
  done
}

release_path() { printf '%s/releases/%s\n' "$DEPLOYMENT_PATH" "$1"; }

# is_whole DIRECTORY: each of its files has a sum, and the right one, and SHA256SUMS has nothing else. A line that is no sum is
# skipped by sha256sum with a warning and exit code 0, hence the counts.
is_whole() {
  whole_said=$(cd "$1" && sha256sum -c SHA256SUMS 2>/dev/null) || return 1
  whole_files=$(($(find "$1" -type f ! -path "$1/SHA256SUMS" | wc -l)))
  [ "$(printf '%s\n' "$whole_said" | grep -c ': OK$')" = $whole_files ] || return 1
  [ "$(grep -c '' "$1/SHA256SUMS")" = $whole_files ] && [ -z "$(tail -c 1 "$1/SHA256SUMS")" ]
}

# release_private DIRECTORY: the names of its files that nobody else may read.
release_private() {
  printf '%s\n' .env app.env.json release.facts
  [ ! -f "$1/app.files.tar" ] || printf 'app.files.tar\n'
}

# is_release_whole RELEASE: its files are those that were pushed, and its secrets are its owner's alone: root's, or that of
# DEPLOYMENT_PATH.
is_release_whole() {
  is_whole "$(release_path "$1")" || return 1
  # shellcheck disable=SC2046 # names of ours
  whole_rights=$(cd "$(release_path "$1")" && stat -c '%a %u' $(release_private .) 2>/dev/null) || return 1
  whole_owner=$(stat -L -c %u "$DEPLOYMENT_PATH") || return 1
  ! printf '%s\n' "$whole_rights" | grep -qvxF -e "600 $whole_owner" -e '600 0'
}

# release_value RELEASE KEY: from its release.facts.
release_value() { value_of "$(release_path "$1")/release.facts" "$2"; }

# env_value RELEASE KEY: from its .env, whose values stand in single quotes.
env_value() {
  env_found=$(value_of "$(release_path "$1")/.env" "$2")
  env_found=${env_found#\'}
  printf '%s\n' "${env_found%\'}"
}

# Close the application to everybody while it is worked on, and open it again: a page on the disk that the edge looks for.
#
# slots/maintenance/ is the whole state (page.html, facts, checks/NAME): made beside and moved, so it is there or not; no
# container is told, so it holds over deployments, restarts and reboots. Whoever asks for /.checks/NAME/… passes: our own
# checks do, and so see what everybody will see.
#
# Parameters: DEPLOYMENT_PATH, OPERATOR. Arguments: on [MESSAGE] | off.
# Output:     maintenance=on|off, changed=yes|no, since=TIME.
# Exit codes: 1 nothing runs that could show the page; 2 neither on nor off.

maintenance_path() { printf '%s/slots/maintenance\n' "$DEPLOYMENT_PATH"; }
is_maintenance() { [ -f "$(maintenance_path)/page.html" ]; }

# maintenance on|off [MESSAGE]
maintenance() {
  rm -rf "$DEPLOYMENT_PATH/slots/.maintenance.new" "$DEPLOYMENT_PATH/slots/.maintenance.old"
  case $1 in
  on) maintenance_on "${2:-}" ;;
  off) maintenance_off ;;
  *) refuse 2 "maintenance is on or off, not: $1" "host.sh maintenance on [MESSAGE]" ;;
  esac
}

# The same message again, or none: already so. Another one changes the page alone.
maintenance_on() {
  maintenance_said=$(value_of "$(maintenance_path)/facts" message)
  if is_maintenance && { [ -z "$1" ] || [ "$1" = "$maintenance_said" ]; }; then
    maintenance_result on no
    return 0
  fi
  [ -n "$(container_of platform edge)" ] ||
    refuse 1 "no edge runs here that could show a page" "$(next_deployment)"
  if is_maintenance; then
    maintenance_write "$(maintenance_path)" "$1" "$(value_of "$(maintenance_path)/facts" since)"
  else
    maintenance_close "$1"
  fi
  say "maintenance is on: everybody gets 503 and the page"
  maintenance_result on yes
}

# maintenance_close MESSAGE: taken back where the edge does not know it.
maintenance_close() {
  maintenance_new=$DEPLOYMENT_PATH/slots/.maintenance.new
  mkdir "$maintenance_new" "$maintenance_new/checks"
  : >"$maintenance_new/checks/$(head -c 16 /dev/urandom | od -An -v -tx1 | tr -d ' \n')"
  maintenance_write "$maintenance_new" "$1" "$(now)"
  chmod -R u=rwX,go=rX "$maintenance_new"
  own "$maintenance_new"
  mv -T "$maintenance_new" "$(maintenance_path)"
  flush "$DEPLOYMENT_PATH/slots"
  is_closed || {
    maintenance_open
    [ -z "$CLOSED_SAID" ] || refuse 1 "it could not be seen that everybody gets the page ($CLOSED_SAID): the application stays open" "fab -H HOST verify; then again"
    [ -z "$(slots_astray)" ] || refuse 1 "the edge that runs here looks at another directory than $DEPLOYMENT_PATH/slots: the application stays open" "fab -H HOST up, which starts it anew; then again"
    refuse 1 "the edge that runs here has no maintenance page yet: the application stays open" "fab -H HOST deploy, which replaces the edge; then again"
  }
}

# maintenance_write DIRECTORY MESSAGE SINCE: the facts first, the page is what counts.
maintenance_write() {
  printf 'schema=1\nsince=%s\noperator=%s\nmessage=%s\n' "$3" "$(one_line "$OPERATOR")" "$(one_line "$2")" |
    (umask 022 && replace "$1/facts")
  maintenance_page "$2" | (umask 022 && replace "$1/page.html")
}

maintenance_page() {
  printf '<!doctype html><html lang=en><meta charset=utf-8><title>Maintenance</title>'
  printf '<meta name=viewport content="width=device-width"><meta http-equiv=refresh content=60>\n'
  printf '<h1>Under maintenance</h1>\n<p>%s</p></html>\n' \
    "$(one_line "${1:-This application is being worked on and will be back soon.}" | sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g')"
}

maintenance_off() {
  if ! is_maintenance; then
    maintenance_result off no
    return 0
  fi
  maintenance_since=$(value_of "$(maintenance_path)/facts" since)
  maintenance_open
  say "maintenance is off (it was on since $maintenance_since)"
  maintenance_result off yes
}

maintenance_open() {
  mv -T "$(maintenance_path)" "$DEPLOYMENT_PATH/slots/.maintenance.old"
  flush "$DEPLOYMENT_PATH/slots"
  rm -rf "$DEPLOYMENT_PATH/slots/.maintenance.old"
}

maintenance_result() {
  fact maintenance "$1"
  fact changed "$2"
  fact since "$(value_of "$(maintenance_path)/facts" since)"
}

# check_path PATH: where our own checks find it, under maintenance too.
check_path() {
  if is_maintenance; then printf '/.checks/%s%s\n' "$(ls "$(maintenance_path)/checks")" "$1"; else printf '%s\n' "$1"; fi
}

# is_closed: everybody gets 503. True also where nothing serves. Sets CLOSED_SAID: why it cannot be told, empty where the
# application answers.
is_closed() {
  CLOSED_SAID='' closed_release=$(active_value release)
  [ "$(served_slot)" != none ] && [ -n "$closed_release" ] || return 0
  CLOSED_SAID=$(public_request "$closed_release" /health) && CLOSED_SAID='' && return 1
  case $CLOSED_SAID in *'HTTP 503'*) return 0 ;; esac
  CLOSED_SAID=$(last_said "$CLOSED_SAID")
  return 1
}

maintenance_facts() {
  is_maintenance || return 0
  fact maintenance.since "$(value_of "$(maintenance_path)/facts" since)"
  fact maintenance.message "$(value_of "$(maintenance_path)/facts" message)"
}

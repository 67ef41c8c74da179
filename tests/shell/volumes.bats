# Volumes and the slots' directories: made once, on the right place, and never an empty one for lost data.

load fake/kit

ensure='volumes_ensure one && echo "fresh $ASSETS_FRESH" || { echo "$FAILED_SERVICE: $FAILED_REASON"; echo "$FAILED_NEXT"; }'

@test "all four are made, and made once; the assets volume is fresh for its first user only" {
  for shell in $SHELLS; do
    fresh
    run within "$shell" "$ensure"
    [ "$output" = 'fresh yes' ]
    [ "$(ls "$FAKE/volumes" | tr '\n' ' ')" = 'app_assets app_certs app_data app_socket ' ]
    [ "$(grep -c 'volume create --label app=app ' "$FAKE/calls")" = 4 ]
    run within "$shell" "$ensure"
    [ "$output" = 'fresh no' ]
    [ "$(grep -c '^volume create' "$FAKE/calls")" = 4 ]
    [ "$(within "$shell" volume_facts | sort | tr '\n' ' ')" = 'volume=app_assets volume=app_certs volume=app_data volume=app_socket ' ]
  done
}

@test "a directory of the host: must be there and the server's; then the volume is bound to it" {
  [ "$(id -u)" = 0 ] || skip "needs root to give a directory away"
  for shell in $SHELLS; do
    fresh
    pushed one
    mkdir "$FAKE/data" "$FAKE/socket"
    export DATA_AT=$FAKE/data SOCKET_AT=$FAKE/none
    run within "$shell" "$ensure"
    [ "${lines[0]}" = "database: the directory $FAKE/data must exist and belong to user 999, the database server's" ]
    [ "${lines[1]}" = "on the host: install -d -m 0711 -o 999 -g 999 $FAKE/data" ]
    chown 999 "$FAKE/data" "$FAKE/socket"
    run within "$shell" "$ensure"
    [[ ${lines[0]} == *"$FAKE/none must exist"* ]]
    SOCKET_AT=$FAKE/socket run within "$shell" "$ensure"
    unset DATA_AT SOCKET_AT
    [ "$output" = 'fresh yes' ]
    [ "$(within "$shell" 'volume_directory app_data; volume_directory app_socket; volume_directory app_certs')" = "$FAKE/data"$'\n'"$FAKE/socket" ]
    run within "$shell" 'volume_directory app_other 2>/dev/null || echo none'
    [ "$output" = none ]
  done
}

@test "data that was there and is missing: refused, and nothing is made" {
  for shell in $SHELLS; do
    fresh
    mkdir -p "$FAKE_PATH" && : >"$FAKE_PATH/identity"
    run within "$shell" "$ensure"
    [[ ${lines[0]} == 'database: the data volume app_data is missing'* ]]
    [[ ${lines[1]} == 'bring the volume back'*"rm $FAKE_PATH/identity on the host, fab -H HOST up, fab -H HOST restore --backup NAME --yes"* ]]
    [ -z "$(ls "$FAKE/volumes")" ]
    echo down >"$FAKE/faults"
    run within "$shell" "FAILED_SERVICE= FAILED_REASON=engine FAILED_NEXT=; $ensure"
    [[ $output == *'Cannot connect'* && $output == *': engine'* && $output != *missing* ]]
  done
}

@test "the slots' directories: modes, also after somebody has changed them" {
  for shell in $SHELLS; do
    fresh
    mkdir -p "$FAKE_PATH"
    within "$shell" slots_ensure
    chmod 700 "$FAKE_PATH/slots" "$FAKE_PATH/slots/blue"
    within "$shell" slots_ensure
    [ "$(cd "$FAKE_PATH/slots" && stat -c %a . blue green | tr '\n' ' ')" = '755 777 777 ' ]
  done
}

# Who of the host has the number that the backend runs as.

load fake/kit

# accounts LINE...: what getent knows; GROUPS_OF: the groups of each who is asked for.
accounts() {
  printf '%s\n' "$@" >"$FAKE/accounts"
  cat >"$FAKE/bin/getent" <<'END'
#!/bin/sh
grep "^[^:]*:[^:]*:$2:" "$FAKE/accounts" || exit 2
END
  printf '#!/bin/sh\ncase $1 in -nG) echo "%s" ;; *) PATH=${PATH#*:} exec id "$@" ;; esac\n' "${GROUPS_OF:-users}" >"$FAKE/bin/id"
  chmod +x "$FAKE/bin/getent" "$FAKE/bin/id"
}

found() { within "$1" account_facts | tr '\n' ' '; }

# Turned red by: no account_facts in facts; `[ -z "$account_line" ]` for the shells.
@test "who could log in and has the number is named, with a number that is free" {
  for shell in $SHELLS; do
    fresh
    accounts 'ann:x:1001:1001::/home/ann:/bin/bash' 'bob:x:2001:100::/home/bob:/bin/sh' 'eve:x:2002:100::/:/bin/sh'
    run found "$shell"
    echo "$shell $output"
    [ "$output" = 'account=ann account.free=2003 ' ]
    run host "$shell" facts
    [[ $output == *account=ann* ]]
    accounts 'ann:x:1001:1001:::' # no shell is /bin/sh: passwd(5)
    [ "$(found "$shell")" = 'account=ann account.free=2001 ' ]
  done
}

@test "nobody, who cannot log in, who deploys, and who may all that root may are nobody's concern" {
  for shell in $SHELLS; do
    fresh
    accounts 'ann:x:1002:1001::/home/ann:/bin/bash' 'bob:x:11001:1001::/:/bin/sh' 'x1001:x:5:1001::/:/bin/sh'
    [ -z "$(found "$shell")" ]
    for with in /usr/sbin/nologin /bin/false; do
      accounts "api:x:1001:1001::/:$with"
      [ -z "$(found "$shell")" ]
    done
    for group in docker sudo wheel; do
      GROUPS_OF="ann $group" accounts 'ann:x:1001:1001::/home/ann:/bin/bash'
      [ -z "$(found "$shell")" ]
    done
    accounts 'ann:x:1001:1001::/home/ann:/bin/bash'
    [ -z "$(SUDO_USER=ann found "$shell")" ]
  done
}

@test "without getent the file of accounts is read" {
  for shell in $SHELLS; do
    fresh
    accounts
    printf '#!/bin/sh\nexit 127\n' >"$FAKE/bin/getent"
    printf 'root:x:0:0::/root:/bin/sh\nann:x:1001:1001::/home/ann:/bin/sh\nbob:x:2001:1::/:/bin/sh\n' >"$FAKE/passwd"
    [ "$(ACCOUNT_FILE=$FAKE/passwd found "$shell")" = 'account=ann account.free=2002 ' ]
  done
}

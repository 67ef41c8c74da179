# Write JSON: the one place where the shell does. What it reads of it are whole lines of its own (history.jsonl).
#
# Parameters: none.
# Output:     JSON on stdout, without a newline at its end.
# Exit codes: none of its own.

# json_object NAME VALUE...: an object in the given order. A name that ends in # takes a whole number (or null).
json_object() {
  json_separator='{'
  while [ $# -ge 2 ]; do
    printf '%s"%s":' "$json_separator" "${1%"#"}"
    case $1 in
    *'#') json_number "$2" ;;
    *) json_string "$2" ;;
    esac
    json_separator=,
    shift 2
  done
  [ "$json_separator" = , ] || printf '{'
  printf '}'
}

json_number() {
  case $1 in
  0 | [1-9] | [1-9]*[0-9]) case $1 in
    *[!0-9]*) printf null ;;
    *) printf '%s' "$1" ;;
    esac ;;
  *) printf null ;;
  esac
}

# json_string VALUE: the value in quotes, UTF-8 as it is, quotes, backslashes and control characters escaped (RFC 8259, 7).
json_string() {
  case $1 in
  *[\"\\]* | *[[:cntrl:]]*) json_escaped "$1" ;;
  *) printf '"%s"' "$1" ;;
  esac
}

# All lines are joined first. The x keeps newlines at the end from being lost in $( ).
json_escaped() {
  json_text=$(printf '%sx' "$1" | LC_ALL=C sed -e ':join' -e '$!{' -e 'N' -e 'b join' -e '}' -e 's/[\\"]/\\&/g' \
    -e 's/\n/\\n/g' -e "$(json_controls)")
  printf '"%s"' "${json_text%x}"
}

# A sed command for each control character but the newline.
json_controls() {
  json_code=1
  while [ $json_code -lt 32 ]; do
    json_octal=$((json_code / 8))$((json_code % 8))
    [ $json_code = 10 ] || printf "s/\\0$json_octal/\\\\\\\\u%04x/g\\n" $json_code
    json_code=$((json_code + 1))
  done
}

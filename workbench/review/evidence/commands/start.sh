set -eu
export LC_ALL=C TZ=UTC
REVIEWERS=${REVIEWERS:-policy/reviewers}
REVOKED=${REVOKED:-policy/revoked}
fail() { echo "FAILED: $*" >&2; exit 1; }
hex() { sha256sum < "$1" | cut -c1-64; }
is() { [ -f "$1" ] && [ "$(hex "$1")" = "$2" ]; }
last() { case $1 in *"$2"*) set -- "${1##*"$2"}"; printf '%s' "${1%%'"'*}" ;; esac; }
list() {
  for x in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    if [ -d "$x" ] && [ ! -L "$x" ]; then list "$x"; elif [ -e "$x" ] || [ -L "$x" ]; then echo "$x"; fi
  done
}
proves() {
  file=$1 signature=$2 namespace=mlops-workbench.$3 who=$4
  shift 4
  for revoked in "$REVOKED" "$REVOKED"-[0-9]*; do
    if [ -f "$revoked" ]; then
      ssh-keygen -Y verify -f "$REVIEWERS" -I "$who" -n "$namespace" -s "$signature" -r "$revoked" "$@" < "$file" > /dev/null || return
    fi
  done
  ssh-keygen -Y verify -f "$REVIEWERS" -I "$who" -n "$namespace" -s "$signature" "$@" < "$file"
}
proved() {
  for known in policy/lists/*-reviewers; do
    if (REVIEWERS=$known REVOKED=${known%reviewers}revoked && proves "$@") > /dev/null 2>&1; then return; fi
  done
  return 1
}

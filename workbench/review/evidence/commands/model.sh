listed() {
  rest=$(cat model/manifest.json)
  while case $rest in *'"digest":"sha256:'*) ;; *) false ;; esac; do
    rest=${rest#*'"digest":"sha256:'}
    d=${rest%%'"'*}
    rest=${rest#*'","path":"'}
    printf '%s  %s\n' "$d" "${rest%%'"'*}"
  done
}
[ "$(listed | sha256sum)" = "$(sha256sum < model/SHA256SUMS)" ] || fail "model/SHA256SUMS is not what the manifest lists"
if [ -d model/files ]; then (cd model/files && sha256sum --check --quiet --strict ../SHA256SUMS); fi

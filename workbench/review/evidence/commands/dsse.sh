for f in statements/*.json; do
  e=dsse/${f#statements/}
  e=${e%.json}.dsse
  envelope=$(cat "$e.json")
  [ "$(last "$envelope" '"payload":"' | base64 -d | sha256sum)" = "$(sha256sum < "$f")" ] || fail "$e.json carries something else"
  [ "$(last "$envelope" '"sig":"' | base64 -d | sha256sum)" = "$(sha256sum < "$e.sig")" ] || fail "$e.sig is another signature"
  { printf 'DSSEv1 28 application/vnd.in-toto+json %s ' "$(wc -c < "$f" | tr -d ' ')"; cat "$f"; } |
    ssh-keygen -Y verify -f "$REVIEWERS" -I "$exporter" -n mlops-workbench.evidence -s "$e.sig"
done

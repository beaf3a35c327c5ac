for f in checks/reports.json checks/others/*.json; do
  if [ ! -f "$f" ]; then continue; fi
  rest=$(cat "$f")
  while case $rest in *'"evidence_digest":"sha256:'*) ;; *) false ;; esac; do
    rest=${rest#*'"evidence_digest":"sha256:'}
    d=${rest%%'"'*}
    is "checks/evidence/$d.json" "$d" || fail "the evidence $d of $f"
  done
done

model=$(hex model/manifest.json) policy=$(hex policy/gate.toml) review=
for f in statements/*.json; do
  text=$(cat "$f") head=${text%%'","producers":['*}
  head=${head%%'","results":{'*}
  who=$(last "$head" '"principal":"') what=$(last "$text" '"verdict":"') at=${text#*'"predicate":{"at":"'}
  time=$(printf '%s' "${at%%[.+]*}" | tr -d 'T:-')

  if [ -f "$f.sig" ]; then proves "$f" "$f.sig" "$what" "$who" -O verify-time="$time"
  elif [ -f "$f.withdrawn.sig" ]; then
    set -- "$f" "$f.withdrawn.sig" "$what" "$who" -O verify-time="$time"
    if proves "$@" 2> /dev/null; then :
    elif proved "$@"; then echo "NOTE: $f counts no more: its key or name was taken back since; it was good under $known"
    else fail "$f was never good"; fi
  else
    case $what in approve | changes-requested | reject | waive | override | post-review | policy) fail "$f is not signed" ;; esac
    if [ -f "$f.unlisted.sig" ]; then
      ssh-keygen -Y check-novalidate -n "mlops-workbench.$what" -s "$f.unlisted.sig" < "$f" > /dev/null
      echo "NOTE: $f is signed by a key that nobody listed for this"
    else echo "NOTE: $f is not signed"; fi
  fi

  subject=$model
  if [ "$what" = policy ]; then subject=$policy; fi
  case $text in *'"subject":[{"digest":{"sha256":"'"$subject"'"},'*) ;; *) fail "$f is about something else" ;; esac
  case $what in request | policy) ;; *)
    named=$(last "$text" '"review":"')
    [ "${review:=$named}" = "$named" ] || fail "$f is about another review" ;;
  esac
  case $what in comment | post-review | policy) ;; *)
    p=$(last "$head" '"policy_digest":"sha256:')
    if [ "$p" = "$policy" ]; then :
    elif is "policy/others/$p.toml" "$p"; then echo "NOTE: $f was done under policy/others/$p.toml"
    else
      case $what in promote | rollback) echo "NOTE: $f was done under another policy, $p" ;; *) fail "$f is under another policy" ;; esac
    fi ;;
  esac
  case $what in check | approve | changes-requested | reject | waive | override)
    for name in evidence_digest own_evidence_digest; do
      e=$(last "$head" "\"$name\":\"sha256:")
      if [ -z "$e" ] || is checks/reports.json "$e"; then continue; fi
      is "checks/others/$e.json" "$e" || fail "$f is about other check reports"
      echo "NOTE: $f speaks of checks/others/$e.json"
    done ;;
  esac
  case $what in
    approve | changes-requested | reject)
      r=$(last "$text" '"request_digest":"sha256:') asked=
      for g in statements/*-request.json; do if is "$g" "$r"; then asked=$g; fi; done
      [ -z "$r" ] || [ -n "$asked" ] || fail "$f answers another request" ;;
    post-review)
      o=$(last "$text" '"override":"sha256:') seen=
      for g in statements/*-override.json; do if is "$g" "$o"; then seen=$g; fi; done
      [ -n "$seen" ] || fail "$f is about another override" ;;
    promote | rollback)
      g=$(last "$head" '"grant":"sha256:')
      is "grants/$g.json" "$g" || fail "$f rests on another proof" ;;
  esac
  echo "$f: $what, $who, ${at%%[.+]*} UTC"
done

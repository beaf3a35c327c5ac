sha256sum --check --quiet --strict SHA256SUMS
files=$(list . | wc -l) signed=0
if [ -f SHA256SUMS.sig ]; then signed=1; fi
[ "$files" -eq $(( $(wc -l < SHA256SUMS) + 1 + signed )) ] || fail "a file was added"

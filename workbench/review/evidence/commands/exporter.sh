exporter=$(ssh-keygen -Y find-principals -f "$REVIEWERS" -s SHA256SUMS.sig < SHA256SUMS | head -n 1)
proves SHA256SUMS SHA256SUMS.sig evidence "$exporter"

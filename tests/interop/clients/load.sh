# Programs that measure: each says how many requests were answered, and that none failed.
set -euo pipefail
program=$1 base=$2 step=$3
[[ $step == load ]]
case $program in
ab)
    said=$(ab -q -k -n 50000 -c 8 "$base/hello" 2>&1)
    grep -q '^Failed requests: *0$' <<<"$said"
    grep -q '^Keep-Alive requests: *50000$' <<<"$said"
    [[ $said != *Non-2xx* ]]
    echo "requests: $(sed -n 's/^Complete requests: *//p' <<<"$said")"
    ;;
wrk)
    said=$(wrk -t 1 -c 8 -d 5s "$base/hello" 2>&1)
    [[ $said != *Non-2xx* && $said != *"Socket errors"* ]]
    echo "requests: $(sed -n 's/^ *\([0-9]*\) requests in .*/\1/p' <<<"$said")"
    # It stops at a time, with one on the way over each connection.
    echo "more: 8"
    ;;
h2load)
    said=$(h2load --h1 -n 50000 -c 8 -t 1 "$base/hello" 2>&1)
    grep -q ' 50000 succeeded, 0 failed, 0 errored, 0 timeout' <<<"$said"
    grep -q '^status codes: 50000 2xx' <<<"$said"
    echo "requests: 50000"
    ;;
*) exit 2 ;;
esac

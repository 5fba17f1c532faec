# curl, by the options that its users use.
set -euo pipefail
base=$1 step=$2 folder=$3
curl() { command curl -q -sS --max-time 100 --noproxy '*' "$@"; }
lines() { head -c "$1" "$folder/large"; }
lines 4194304 >content

# So many transfers in one process; each line is an option.
times() {
    local count=$1
    shift
    for ((i = 0; i < count; i++)); do
        ((i == 0)) || echo next
        printf '%s\n' silent show-error fail 'noproxy="*"' "$@"
    done
}
same() { [[ $1 == "$(yes "$2" | head -n "$3")" ]]; }

case $step in
keep-alive)
    same "$(curl --fail "$base/hello?[1-1000]")" hello 1000
    same "$(curl --fail -Z --parallel-max 3 "$base/hello?[1-1000]")" hello 1000
    ;;
upload) same "$(times 20 "url=$base/upload" upload-file=content 'header="Expect:"' | curl -K -)" 4194304 20 ;;
chunked)
    same "$(times 20 "url=$base/upload" upload-file=content 'header="Expect:"' 'header="Transfer-Encoding: chunked"' | curl -K -)" 4194304 20
    ;;
expect)
    lines 1048576 >million
    # Without an interim answer each would wait for longer than all of them may take.
    same "$(times 5 "url=$base/upload" upload-file=million 'header="Expect: 100-continue"' expect100-timeout=600 | curl -K -)" 1048576 5
    ;;
download)
    [[ $(curl "$base/bytes/268435456" | tail -c 16) == 000000016777215 ]]
    curl "$base/stream/67108864" | cmp - "$folder/large"
    ;;
range)
    for i in {1..10}; do lines 3200 | tail -c 1600; done >parts
    times 10 "url=$base/files/large" range=1600-3199 | curl -K - | cmp - parts
    ;;
early)
    lines 8388608 >twice
    for i in {1..5}; do
        status=$(curl -o /dev/null -w '%{http_code}' -H 'Expect:' -T twice "$base/refuse")
        [[ $status == 413 ]]
    done
    ;;
abort)
    for i in {1..20}; do
        { curl "$base/bytes/1073741824" 2>/dev/null || true; } | head -c 1048576 >/dev/null
    done
    for i in {1..20}; do
        # It waits for a second, and would need eight. (From a pipe, it would send the last chunk when it gives up.)
        (status=0; curl --max-time 1 --limit-rate 512K -H 'Expect:' -T content "$base/upload" 2>/dev/null || status=$?; ((status == 28))) &
    done
    for job in $(jobs -p); do wait "$job"; done
    ;;
short)
    for i in {1..3}; do
        status=0
        curl -o /dev/null "$base/abort" 2>/dev/null || status=$?
        # CURLE_PARTIAL_FILE.
        ((status == 18))
    done
    ;;
events) [[ $(curl -N "$base/events" "$base/events" "$base/events" | grep -c '^data: event ') == 300 ]] ;;
*) exit 2 ;;
esac

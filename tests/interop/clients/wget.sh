# wget: lists of URLs over one connection, files that are sent, downloads that go on where they were.
set -euo pipefail
base=$1 step=$2 folder=$3
wget() { command wget --no-config --no-proxy -q --tries=1 --timeout=60 "$@"; }
head -c 4194304 "$folder/large" >content
same() { [[ $1 == "$(yes "$2" | head -n "$3")" ]]; }

case $step in
keep-alive)
    for i in {1..2000}; do echo "$base/hello?$i"; done >urls
    same "$(wget -O - -i urls)" hello 2000
    ;;
upload)
    for i in {1..20}; do echo "$base/upload"; done >urls
    same "$(wget -O - --method=PUT --body-file=content -i urls)" 4194304 20
    ;;
download)
    [[ $(wget -O - "$base/bytes/268435456" | tail -c 16) == 000000016777215 ]]
    wget -O - "$base/stream/67108864" | cmp - "$folder/large"
    ;;
resume)
    for i in {1..10}; do
        head -c 60000000 "$folder/large" >broken
        wget -c -O broken "$base/files/large"
        cmp broken "$folder/large"
    done
    ;;
early)
    head -c 8388608 "$folder/large" >twice
    for i in {1..5}; do
        said=$(wget --no-quiet -S -O /dev/null --method=PUT --body-file=twice "$base/refuse" 2>&1 || true)
        [[ $said == *"HTTP/1.1 413 "* ]]
    done
    ;;
abort-download)
    for i in {1..20}; do
        { wget -O - "$base/bytes/1073741824" || true; } | head -c 1048576 >/dev/null
    done
    ;;
short)
    for i in {1..3}; do
        ! wget -O /dev/null "$base/abort" || exit 1
    done
    ;;
*) exit 2 ;;
esac

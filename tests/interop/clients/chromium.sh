# Chromium without a screen: it runs the page, which says how it went.
set -euo pipefail
base=$1 folder=$3
chromium --headless --no-sandbox --disable-gpu --disable-background-networking --no-proxy-server --user-data-dir="$folder/profile" \
    --timeout=60000 --dump-dom "$base/page" 2>/dev/null >page
sed -n 's:.*<pre id="said">\(.*\)</pre>.*:\1:p' page >said
cat said
[[ $(<said) == "fetches true, uploads true, leaves true, shortened true, events true, websocket true" ]]

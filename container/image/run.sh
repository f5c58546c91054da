#!/bin/sh
# The first process of a container: it waits for every process that has lost its parent, which Node does not, and hands signals on
# to the control server. It ends with the exit code of the control server.
server=''
asked=''
hand_on() {
  asked=$1
  if [ -n "$server" ]; then kill -s "$1" "$server" 2>/dev/null; fi
}
for signal in TERM INT HUP; do
  # The first process of a container ignores a signal that it has no trap for.
  trap "hand_on $signal" "$signal"
done

node "$(dirname "$0")/main.mjs" "$@" &
server=$!
# One that came before there was a server to tell.
if [ -n "$asked" ]; then kill -s "$asked" "$server" 2>/dev/null; fi

# A signal cuts the wait short, with a code above 128; so does the end of a server that a signal killed.
wait "$server"
code=$?
while [ "$code" -gt 128 ] && kill -0 "$server" 2>/dev/null; do
  wait "$server"
  code=$?
done
exit "$code"

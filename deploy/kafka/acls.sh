#!/bin/sh
# Topics' rights for the users of journeys, by Kafka's own tool; the topics themselves are made by `journeys topics --apply`.
#
#   BOOTSTRAP=kafka:9093 CONFIG=admin.properties PREFIX=journeys. GROUP=journeys-engine SOURCES="clicks crm" sh acls.sh
#
# Users: ENGINE and SINK (may be one), COLLECT (the door; it writes sources), READER (tail, doctor; it writes nothing).
# `journeys erase` and `dead-letters replay` need the operator's own user: WRITE on what they write to, and for the latter
# CREATE on ${PREFIX}dead-letters-replayed. DRY=1 prints the commands.
set -eu
: "${BOOTSTRAP:?host:port of a broker}" "${PREFIX:?prefix of our topics, as in the settings}" "${GROUP:?group, as in the settings}"
ENGINE=${ENGINE:-journeys-engine} SINK=${SINK:-journeys-sink} COLLECT=${COLLECT:-journeys-collect} READER=${READER:-journeys-reader}
TOOL=${TOOL:-kafka-acls.sh}

allow() {  # user, then what
    user=$1
    shift
    if [ -n "${DRY:-}" ]; then
        echo "$TOOL --bootstrap-server $BOOTSTRAP --add --allow-principal User:$user $*"
    else
        "$TOOL" --bootstrap-server "$BOOTSTRAP" ${CONFIG:+--command-config "$CONFIG"} --add --force --allow-principal "User:$user" "$@"
    fi
}

ours() { echo "--resource-pattern-type prefixed --topic $PREFIX"; }

# shellcheck disable=SC2046 # words are meant to be split
allow "$ENGINE" --operation Read --operation Write --operation Describe --operation DescribeConfigs $(ours)
allow "$ENGINE" --operation Read --operation Describe --group "$GROUP"
# shellcheck disable=SC2046
allow "$SINK" --operation Read --operation Describe $(ours)
allow "$SINK" --operation Write --topic "${PREFIX}dead-letters"
allow "$SINK" --operation Read --operation Describe --group "$GROUP-sink"
# shellcheck disable=SC2046
allow "$READER" --operation Read --operation Describe --operation DescribeConfigs $(ours)
allow "$READER" --operation Describe --resource-pattern-type prefixed --group "$GROUP"
for user in "$ENGINE" "$SINK" "$COLLECT"; do  # producers are idempotent
    allow "$user" --operation IdempotentWrite --cluster
done
for topic in ${SOURCES:-}; do
    allow "$ENGINE" --operation Read --operation Describe --topic "$topic"
    allow "$SINK" --operation Read --operation Describe --topic "$topic"
    allow "$READER" --operation Read --operation Describe --topic "$topic"
    allow "$COLLECT" --operation Write --operation Describe --topic "$topic"
done

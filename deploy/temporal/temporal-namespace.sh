#!/bin/sh
# Creates the namespace and our search attributes; safe to repeat.
set -eu
until temporal operator cluster health; do sleep 1; done
temporal operator namespace describe -n default || temporal operator namespace create -n default --retention 7d
temporal operator search-attribute create -n default --name ConcertId --type Keyword --name ClientId --type Keyword

#!/bin/sh
# Makes .env in the current folder from .env.example, with a random value for each variable that is empty there. It
# leaves an .env that exists as it is. It needs neither Python nor Java.
set -eu
test -e .env && exit
umask 077
awk '
    BEGIN { random = "head -c 32 /dev/urandom | base64 | tr +/ -_" }
    /^[A-Z_]+=$/ { random | getline secret; close(random); $0 = $0 secret }
    { print }' .env.example > .env.partial
mv .env.partial .env

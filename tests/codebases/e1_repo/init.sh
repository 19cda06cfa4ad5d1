#!/bin/sh
# What the init container of a Pod did in 2021: everything by POST.
repo=http://127.0.0.1:6060/api/v1/repo
post() { curl -s -o /dev/null -w "$1 %{http_code}\n" -X POST "$repo/$1" --data-binary "$2"; }
post pod ''
for file in main.js lib/tags.js config.json; do
    post "pod/$file" "@pod/$file"
done
post pod '{ "version": 2 }'
post pod/demo-1 '{ "base": "/pod" }'
post pod/demo-1/config.json @demo-1/config.json
post pod/demo-1 '{ "version": 1 }'

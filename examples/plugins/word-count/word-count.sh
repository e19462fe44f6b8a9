#!/bin/sh
# in: {"text":"to be or not"}    out: {"words":4}
awk '{
  sub(/^\{"text":"/, "")
  sub(/"\}$/, "")
  gsub(/\\[nrt]/, " ")
  printf "{\"words\":%d}\n", NF
}'

# SPDX-License-Identifier: MIT
# awk -v groups=… -v cpus=… -v counted=… -f missing.awk NAMES FIGURES: prints the names in NAMES that are not among
# FIGURES, of the groups given (bench/names tells the form); with counted those of instructions, else the others. Exit
# status 1 if there are some.
BEGIN {
  split(groups, list, " ")
  for (i in list) wanted[list[i]] = 1
  of["peer"] = "slab"; of["hand"] = "pt" # prefixes that are not the name of a group
}
FNR == 1 { file++ }
file == 1 && /^[A-Z]/ { words[$1] = substr($0, length($1) + 2) }
file == 1 && /^[a-z]/ { expand($1) }
file == 2 { there[$1] = 1 }
function expand(name,   word, n, i, parts) {
  for (word in words)
    if (index(name, word)) {
      n = split(words[word], parts, " ")
      for (i = 1; i <= n; i++) {
        all = name
        sub(word, parts[i], all)
        expand(all)
      }
      return
    }
  names[++count] = name
}
END {
  for (i = 1; i <= count; i++) {
    group = names[i]
    sub(/\..*/, "", group)
    if (group in of) group = of[group]
    if (!(group in wanted) || names[i] in there) continue
    if ((names[i] ~ /\.instructions$/) != (counted != "")) continue
    if (cpus < 2 && names[i] ~ /2t_|prodcons|line_transfer/) continue # they need two
    print "bench: " names[i] " is missing"; bad = 1
  }
  exit bad
}

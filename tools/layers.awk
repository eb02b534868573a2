# SPDX-License-Identifier: MIT
# awk [-v want="LAYER…"] [-v what=layers] -f layers.awk src/layers
# Prints the files of these layers and of all that they need, lowest first, without the `src/`; of all
# layers if none is named. what=layers: names instead of files. what=own: files of these layers only.
# Exit status 1, and the names that there are, if there is no such layer.
/^#/ || /^[ \t]*$/ { next }
/^[ \t]/ {
  files[names, ++count[names]] = $1
  next
}
{
  name[++names] = substr($1, 1, length($1) - 1)
  number[name[names]] = names
  for (i = 2; i <= NF; i++) {
    if (!($i in number)) complain($i " is not above " name[names])
    needs[names, ++needed[names]] = number[$i]
  }
}
function complain(text) {
  print "layers: " text > "/dev/stderr"
  bad = 1
  exit 1
}
function list(    k, text) {
  for (k = 1; k <= names; k++) text = text " " name[k]
  return text
}
END {
  if (bad) exit 1
  n = split(want, word, /[ ,]+/)
  for (i = 1; i <= n; i++) {
    if (word[i] == "") continue
    if (!(word[i] in number)) complain("there is no layer " word[i] "; there are" list())
    wanted[number[word[i]]] = any = 1
  }
  for (k = names; k >= 1; k--) # who is needed comes before who needs
    for (i = 1; k in wanted && what != "own" && i <= needed[k]; i++)
      wanted[needs[k, i]] = 1
  for (k = 1; k <= names; k++) {
    if (any && !(k in wanted)) continue
    if (what == "layers") print name[k]
    for (i = 1; what != "layers" && i <= count[k]; i++) print files[k, i]
  }
}

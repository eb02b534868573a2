# SPDX-License-Identifier: MIT
# Figures of several runs to one: the mean of the middle half of them (costs have modes, by where memory
# lies, and a median would be one or the other). What two CPUs do has modes that are far apart, and at 25 % or 75 %
# of the runs the one may end and the other begin: of that, a twentieth on each side is left out instead.
# What is counted must be the same in all runs.
function middle(v, n, cut,   i, j, t, sum) {
  for (i = 2; i <= n; i++)
    for (j = i; j > 1 && v[j - 1] > v[j]; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
  for (i = 1 + int(n / cut); i <= n - int(n / cut); i++) sum += v[i]
  return sum / (n - 2 * int(n / cut))
}
# Runs in which a line took another time to the other CPU than in the middle one were on what is another
# machine: the host moved a CPU. They are left out.
function column(table, name,   i, v, n, base, like, cut) {
  base = name
  sub(/\.vs_.*/, "", base)
  cut = yard[base] == "yard.line_transfer" || yard[base] == "yard.2t_touch" ? 20 : 4
  n = count[base]
  for (i = 1; i <= n; i++) v[i] = beside[base, i]
  middle(v, n, cut)
  like = v[int((n + 1) / 2)]
  n = 0
  for (i = 1; i <= count[name]; i++)
    if (yard[base] != "yard.line_transfer" ||
        (beside[base, i] <= 1.25 * like && like <= 1.25 * beside[base, i]))
      v[++n] = table[name, i]
  return middle(v, n, cut)
}
!($1 in count) { order[++names] = $1; unit[$1] = $3; yard[$1] = $4 }
{
  n = ++count[$1]
  value[$1, n] = $2; beside[$1, n] = $5; ratio[$1, n] = NF > 5 ? $6 : NF > 4 ? $2 / $5 : 0
  if ($3 != "ns" && $3 != "x" && $2 != value[$1, 1]) {
    print "bench: " $1 " is " value[$1, 1] " and " $2 " in two runs" >"/dev/stderr"; bad = 1
  }
}
END {
  for (k = 1; k <= names; k++) {
    name = order[k]
    exact = unit[name] != "ns" && unit[name] != "x"
    printf "%s %s %s", name, exact ? value[name, 1] : sprintf("%.4g", column(value, name)), unit[name]
    if (yard[name] != "")
      printf " %s %.4g %.5g", yard[name], column(beside, name), column(ratio, name)
    print ""
  }
  exit bad
}

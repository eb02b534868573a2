# SPDX-License-Identifier: MIT
# awk -f agree.awk FIRST SECOND: which figures of two runs differ by more than 5 % in ratio, or at all
# if they are counted. A figure without a yardstick that is a time is not compared: times of two runs
# say nothing. Exit status 1 if some differ.
FNR == 1 { file++ }
file == 1 { value[$1] = $2; beside[$1] = $5; ratio[$1] = NF > 5 ? $6 : $3 == "x" ? $2 : 0; next }
!($1 in value) { print $1 ": only in the second run"; bad = 1; next }
{
  second = NF > 5 ? $6 : $3 == "x" ? $2 : 0
  counted = $3 != "ns" && $3 != "x"
  if (counted) {
    exact++
    if ($2 == value[$1]) next
    printf "%-32s %s and %s %s\n", $1, value[$1], $2, $3
  } else {
    if (second == 0) next
    base = $1
    sub(/\.vs_.*/, "", base)
    if ($4 == "yard.line_transfer" && ($5 > 1.25 * beside[$1] || beside[$1] > 1.25 * $5)) {
      printf "%-32s another machine: %s was %s and %s ns\n", $1, $4, beside[$1], $5
      away[$1] = 1
    }
    if (base in away) { moved++; next }
    measured++
    off = second / ratio[$1] - 1
    if (off < 0) off = ratio[$1] / second - 1
    if (off <= 0.05) next
    printf "%-32s ratio %.4g and %.4g, %.1f %% apart\n", $1, ratio[$1], second, 100 * off
  }
  bad++
}
END {
  printf "%d of %d ratios and counts agree", measured + exact - bad, measured + exact
  if (moved) printf "; %d were measured on what are two machines", moved
  print ""
  exit bad > 0
}

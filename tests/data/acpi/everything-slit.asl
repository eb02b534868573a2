/* SPDX-License-Identifier: MIT */
/* Ten localities, of which everything-srat.asl names 3 and 9. iasl everything-slit.asl */
[0004]                          Signature : "SLIT"    [System Locality Information Table]
[0004]                       Table Length : 00000000
[0001]                           Revision : 01
[0001]                           Checksum : 00
[0006]                             Oem ID : "MMLIB "
[0008]                       Oem Table ID : "EVERY   "
[0004]                       Oem Revision : 00000001
[0004]                    Asl Compiler ID : "INTL"
[0004]              Asl Compiler Revision : 20200925

[0008]                         Localities : 000000000000000A
[000A]                       Locality   0 : 0A 14 14 14 14 14 14 14 14 14
[000A]                       Locality   1 : 14 0A 14 14 14 14 14 14 14 14
[000A]                       Locality   2 : 14 14 0A 14 14 14 14 14 14 14
[000A]                       Locality   3 : 14 14 14 0A 14 14 14 14 14 2C
[000A]                       Locality   4 : 14 14 14 14 0A 14 14 14 14 14
[000A]                       Locality   5 : 14 14 14 14 14 0A 14 14 14 14
[000A]                       Locality   6 : 14 14 14 14 14 14 0A 14 14 14
[000A]                       Locality   7 : 14 14 14 14 14 14 14 0A 14 14
[000A]                       Locality   8 : 14 14 14 14 14 14 14 14 0A 14
[000A]                       Locality   9 : 14 14 14 FF 14 14 14 14 14 0A

# Draws what tests/soak/run has noted of two servers, http and https: gnuplot -e "figures='soak.csv'; picture='soak.png'" plot.gnuplot
set datafile separator ","
# The terminal with a palette: a picture of a third of the size.
set terminal png notruecolor noenhanced size 1100,1400 font "sans" 9
set output picture

# The lines of one door, against minutes.
of(door) = "< grep ',".door.",' '".figures."'"
minutes = "($1/60)"

set multiplot layout 6,1
set grid
set key outside right top
set lmargin 11
set rmargin 20
set xrange [0:*]
set xlabel ""

set title "requests a second"
set yrange [0:*]
plot for [door in "http https"] of(door) using @minutes:3 with lines title door

set yrange [*:*]
set logscale y
do for [door in "http https"] {
    set title "latency of small requests over kept connections, ".door.", milliseconds"
    plot of(door) using @minutes:4 with lines title "50 %", \
         "" using @minutes:5 with lines title "90 %", \
         "" using @minutes:6 with lines title "99 %", \
         "" using @minutes:7 with lines title "99.9 %", \
         "" using @minutes:8 with lines title "most"
}
unset logscale y

set yrange [0:*]
set title "resident memory, MiB"
plot for [door in "http https"] of(door) using @minutes:($9/1024) with lines title door

set title "threads"
plot for [door in "http https"] of(door) using @minutes:10 with lines title door

set title "descriptors"
set xlabel "minutes"
plot for [door in "http https"] of(door) using @minutes:11 with lines title door, \
     for [door in "http https"] of(door) using @minutes:12 with lines title door.", parked"
unset multiplot

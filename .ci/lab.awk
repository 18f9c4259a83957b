# What go test -v says of the lab, in short: how each test ended, all that one wrote that did not pass, and in
# the end every measured figure. The tests run one after the other, so that what is written between the RUN and
# the end of a test is that test's.

/FIGURE/ {
	line = $0
	sub(/^.*FIGURE /, "", line)
	figures[++count] = line
}
/^=== RUN +[^\/]+$/ { inside = 1; lines = 0 }
/^--- (PASS|SKIP): / { print; fflush(); inside = 0; next }
/^--- FAIL: / { tell(); print; fflush(); inside = 0; next }
inside { kept[++lines] = $0; next }
!/^(PASS|===.*| +--- (PASS|SKIP).*)$/ { print; fflush() }
END {
	if (inside) tell() # It broke off: a panic, or the time was over.
	if (count) print "\nmeasured:"
	for (i = 1; i <= count; i++) print "  " figures[i]
}
function tell(  i) { for (i = 1; i <= lines; i++) print kept[i] }

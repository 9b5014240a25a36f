package bench_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// cpu returns the processor time that this process has used so far, and that
// of the processes that it has started: the load, and the servers under load.
// It tells servers apart on a machine that has other work, too.
func cpu() (load, servers time.Duration) {
	const tick = time.Second / 100 // USER_HZ
	self, parent, used := os.Getpid(), map[int]int{}, map[int]time.Duration{}
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well formed
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended meanwhile
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		number := func(i int) time.Duration {
			n, _ := strconv.Atoi(fields[i])
			return time.Duration(n)
		}
		// proc(5): ppid, utime, stime, and those of children that have ended.
		parent[pid] = int(number(1))
		used[pid] = (number(11) + number(12)) * tick
		if pid != self {
			used[pid] += (number(13) + number(14)) * tick
		}
	}
	for pid, d := range used {
		for at := parent[pid]; at > 1; at = parent[at] {
			if at == self {
				servers += d
				break
			}
		}
	}
	return used[self], servers
}

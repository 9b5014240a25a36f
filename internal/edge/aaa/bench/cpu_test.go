package bench_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is one of those that run, as proc(5) tells of it.
type process struct {
	parent int
	used   time.Duration // of the processor, with children that have ended
	own    time.Duration // without
}

func processes() map[int]process {
	const tick = time.Second / 100 // USER_HZ
	all := map[int]process{}
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
		// ppid, utime, stime, cutime and cstime.
		own := (number(11) + number(12)) * tick
		all[pid] = process{parent: int(number(1)), own: own, used: own + (number(13)+number(14))*tick}
	}
	return all
}

// cpu returns the processor time that this process has used so far, and that
// of the processes that it has started: the load, and the servers under load.
// It tells servers apart on a machine that has other work, too.
func cpu() (load, servers time.Duration) {
	self, all := os.Getpid(), processes()
	for pid, p := range all {
		if _, below := root(all, pid, self); below {
			servers += p.used
		}
	}
	return all[self].own, servers
}

// root is the child of a process that pid is, or is below of; false when it is
// not below it.
func root(all map[int]process, pid, of int) (int, bool) {
	for at := pid; at > 1; at = all[at].parent {
		if all[at].parent == of {
			return at, true
		}
	}
	return 0, false
}

// children are the processes that this one has started and that run.
func children() map[int]bool {
	out := map[int]bool{}
	for pid, p := range processes() {
		if p.parent == os.Getpid() {
			out[pid] = true
		}
	}
	return out
}

// signal sends a signal to these children and all that they have started.
func signal(to map[int]bool, what syscall.Signal) {
	all := processes()
	for pid := range all {
		if child, below := root(all, pid, os.Getpid()); below && to[child] {
			_ = syscall.Kill(pid, what) // it may have ended
		}
	}
}

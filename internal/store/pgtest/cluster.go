//go:build unix

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// Cluster is a running PostgreSQL with a folder of its own.
type Cluster struct {
	dir    string // socket, log, and the data unless they are to be kept
	data   string
	bin    string
	user   string
	as     *syscall.Credential // nil for ourselves
	server *exec.Cmd
	exited chan struct{} // closed when the server has ended
	watch  io.Closer     // the watchdog acts when this closes
}

// binaries finds the folder with initdb and postgres, the newest of several.
func binaries() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the pattern is well formed
	if len(found) == 0 {
		return "", errors.New("pgtest: PostgreSQL is not installed; on Debian: apt-get install postgresql")
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
}

// start makes a cluster and starts it. Its data go with it, unless they have a
// folder of their own, which may hold those of an earlier start.
func start(sync bool, data string) (*Cluster, error) {
	c := &Cluster{data: data}
	var err error
	if c.bin, err = binaries(); err != nil {
		return nil, err
	}
	if err := c.owner(); err != nil {
		return nil, err
	}
	// The path of a socket must be short, and its folder open to another user.
	if c.dir, err = os.MkdirTemp("/tmp", "simurgh-pg-"); err != nil {
		return nil, err
	}
	if c.data == "" {
		c.data = filepath.Join(c.dir, "data")
	}
	if err := c.watchdog(); err != nil {
		_ = os.RemoveAll(c.dir)
		return nil, err
	}
	if err := c.prepare(); err != nil {
		return nil, err
	}
	if err := c.configure(sync); err != nil {
		return nil, err
	}
	return c, c.Start()
}

// prepare makes the data folder, unless there is one.
func (c *Cluster) prepare() error {
	if err := os.MkdirAll(c.data, 0o700); err != nil {
		return err
	}
	if c.as != nil {
		for _, dir := range []string{c.dir, c.data} {
			if err := os.Chown(dir, int(c.as.Uid), int(c.as.Gid)); err != nil {
				return err
			}
		}
	}
	if _, err := os.Stat(filepath.Join(c.data, "PG_VERSION")); err == nil {
		return nil
	}
	if out, err := c.command("initdb", "--no-sync", "-A", "trust", "-U", c.user, "-E", "UTF8", "--locale=C", "-D", c.data).CombinedOutput(); err != nil {
		return fmt.Errorf("pgtest: initdb: %w\n%s", err, out)
	}
	return nil
}

// owner chooses who runs the cluster: PostgreSQL refuses to be root.
func (c *Cluster) owner() error {
	c.user = "postgres"
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return fmt.Errorf("pgtest: PostgreSQL does not run as root, and there is no other user for it: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return err
	}
	c.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return nil
}

// command is in a session of its own, out of reach of a terminal's interrupt.
func (c *Cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), filepath.Join(c.bin, name), args...)
	cmd.Dir = c.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.as, Setsid: true}
	return cmd
}

// configure sets what a server has that is durable: memory as PostgreSQL's manual
// advises for a machine of 4 GB, of which as little is taken as is used. Those that
// are not are many at once.
func (c *Cluster) configure(sync bool) error {
	memory := "shared_buffers = 128MB"
	if sync {
		memory = "shared_buffers = 1GB\nmax_wal_size = 4GB"
	}
	settings := fmt.Sprintf(`listen_addresses = ''
unix_socket_directories = '%s'
max_connections = 400
%s
wal_level = minimal
max_wal_senders = 0
deadlock_timeout = 100ms
fsync = %t
`, c.dir, memory, sync)
	return os.WriteFile(filepath.Join(c.data, "postgresql.auto.conf"), []byte(settings), 0o600) // it is read last
}

// watchdog removes the cluster when this process is gone, however it went: its
// end of a pipe closes then.
func (c *Cluster) watchdog() error {
	cmd := exec.CommandContext(context.Background(), "/bin/sh", "-c", `cat > /dev/null
pid=$(head -n 1 "$2/postmaster.pid" 2> /dev/null)
if [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2> /dev/null || echo postgres)" = postgres ]; then
  kill -QUIT "$pid" 2> /dev/null
fi
for i in 1 2 3 4 5 6 7 8 9 10; do
  rm -rf "$1" && break
  sleep 0.2
done`, "sh", c.dir, c.data)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	c.watch = in
	return cmd.Start()
}

// startTime bounds the wait for a server that starts or recovers.
const startTime = time.Minute

// Start starts the server, after Kill as well, and waits until it answers.
func (c *Cluster) Start() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	for {
		exited, err := c.launch()
		if err != nil {
			return err
		}
		for running := true; running; {
			if c.admin(ctx, "SELECT 1") == nil {
				return nil
			}
			select {
			case <-exited: // the processes of a killed server have still to go
				running = false
			case <-ctx.Done():
				log, _ := os.ReadFile(filepath.Join(c.dir, "log"))
				return fmt.Errorf("pgtest: PostgreSQL does not start: %w\n%s", ctx.Err(), log)
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
}

// launch starts the server; the channel closes when it has ended.
func (c *Cluster) launch() (<-chan struct{}, error) {
	log, err := os.OpenFile(filepath.Join(c.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	c.server = c.command("postgres", "-D", c.data)
	c.server.Stdout, c.server.Stderr = log, log
	if err := c.server.Start(); err != nil {
		return nil, err
	}
	exited := make(chan struct{})
	go func(cmd *exec.Cmd) {
		_ = cmd.Wait() // its log tells why
		close(exited)
	}(c.server)
	c.exited = exited
	return exited, nil
}

// Kill kills the server as a power cut would, and waits until it is gone.
func (c *Cluster) Kill() error {
	err := c.server.Process.Kill()
	<-c.exited
	return err
}

func (c *Cluster) remove() {
	_ = c.server.Process.Signal(syscall.SIGQUIT)
	<-c.exited
	_ = os.RemoveAll(c.dir)
	_ = c.watch.Close()
}

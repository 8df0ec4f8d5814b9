// Package postgrestest runs a PostgreSQL server of its own for tests: Debian's, in a
// temporary directory, on a Unix socket and a port of loopback that the kernel chooses.
package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrMissing: there is no PostgreSQL on this machine.
var ErrMissing = errors.New("PostgreSQL is not installed: on Debian, apt-get install postgresql")

// Server is a running server. It ends with this process, however that ends.
type Server struct {
	Addr string // on loopback

	dir    string
	bin    string
	as     *syscall.Credential // nil: who we are
	cmd    *exec.Cmd
	exited chan struct{}
	n      atomic.Int64
}

// Start makes a database cluster and runs a server for it. It does not sync what it
// writes: it survives a kill, and no power cut. Its superuser is postgres, whom it trusts.
func Start(ctx context.Context) (_ *Server, err error) {
	s := &Server{}
	if s.bin, err = binaries(); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "bellbuoy-pg"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.Stop()
		}
	}()
	if os.Getuid() == 0 { // it refuses to be root
		if err := s.lower(); err != nil {
			return nil, err
		}
	}
	init := s.command(ctx, "initdb", "-D", filepath.Join(s.dir, "data"), "-U", "postgres", "-A", "trust",
		"--no-sync", "--no-instructions", "-E", "UTF8", "--locale=C")
	if out, err := init.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make a database cluster: %w: %s", err, out)
	}
	if s.Addr, err = freeAddr(); err != nil {
		return nil, err
	}
	return s, s.Restart(ctx)
}

// binaries finds the newest version's.
func binaries() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		path, err := exec.LookPath("initdb")
		if err != nil {
			return "", ErrMissing
		}
		found = []string{path}
	}
	slices.Sort(found)
	return filepath.Dir(found[len(found)-1]), nil
}

// lower finds somebody whom the server may be, and gives them the directory.
func (s *Server) lower() error {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return err
		}
		s.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return os.Chown(s.dir, int(uid), int(gid))
	}
	return errors.New("run PostgreSQL: there is neither a user postgres nor nobody")
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (s *Server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	return cmd
}

// errEnded: the server ended as soon as it began.
var errEnded = errors.New("it ended")

// Restart runs the server that was killed or stopped, and waits until it answers. The
// children of one that was killed may take a moment to notice, and keep others out.
func (s *Server) Restart(ctx context.Context) error {
	for try := 0; ; try++ {
		err := s.start(ctx)
		if try == 50 || !errors.Is(err, errEnded) {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (s *Server) start(ctx context.Context) error {
	_, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd = s.command(context.WithoutCancel(ctx), "postgres", "-D", filepath.Join(s.dir, "data"), "-k", s.dir, "-p", port,
		"-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200",
		"-c", "shared_buffers=64MB", "-c", "autovacuum_naptime=10s")
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT // at once
	started, exited := make(chan error, 1), make(chan struct{})
	s.exited = exited
	cmd := s.cmd
	go func() {
		runtime.LockOSThread() // the signal comes when the thread that began it ends
		defer runtime.UnlockOSThread()
		defer close(exited)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ends is in its log
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("run PostgreSQL: %w", err)
	}
	deadline := time.Now().Add(time.Minute)
	for {
		c, err := pgx.Connect(ctx, s.url("postgres"))
		if err == nil {
			return c.Close(ctx)
		}
		select {
		case <-exited:
			b, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("run PostgreSQL: %w: %s", errEnded, b)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("PostgreSQL does not answer: %w", err)
		}
	}
}

// Kill ends the server as a crash would: nobody is told.
func (s *Server) Kill() error {
	// Its children notice, and go too.
	err := s.cmd.Process.Kill()
	<-s.exited
	return err
}

// Stop ends the server and removes what it has.
func (s *Server) Stop() error {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Signal(syscall.SIGQUIT) // it may have ended
		<-s.exited
	}
	return os.RemoveAll(s.dir)
}

func (s *Server) url(database string) string {
	_, port, _ := net.SplitHostPort(s.Addr)
	return "postgres://postgres@/" + database + "?host=" + url.QueryEscape(s.dir) + "&port=" + port
}

// Database makes a database and returns its URL, by the Unix socket. It is a copy of
// another one, that nobody uses now, where one is named by its URL.
func (s *Server) Database(ctx context.Context, of string) (string, error) {
	c, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		return "", err
	}
	defer c.Close(ctx)
	name := fmt.Sprint("t", s.n.Add(1))
	text := "CREATE DATABASE " + name
	if of != "" {
		u, err := url.Parse(of)
		if err != nil {
			return "", err
		}
		text += " TEMPLATE " + u.Path[1:]
	}
	if _, err := c.Exec(ctx, text); err != nil {
		return "", fmt.Errorf("make a database: %w", err)
	}
	return s.url(name), nil
}

// TCP is a database's URL by another address, that of a proxy say; "" is the server's own.
func (s *Server) TCP(database, addr string) (string, error) {
	u, err := url.Parse(database)
	if err != nil {
		return "", err
	}
	if addr == "" {
		addr = s.Addr
	}
	return "postgres://postgres@" + addr + u.Path + "?sslmode=disable", nil
}

// Drop removes a database, whoever uses it.
func (s *Server) Drop(ctx context.Context, database string) error {
	u, err := url.Parse(database)
	if err != nil {
		return err
	}
	c, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, "DROP DATABASE IF EXISTS "+u.Path[1:]+" WITH (FORCE)")
	return errors.Join(err, c.Close(ctx))
}
